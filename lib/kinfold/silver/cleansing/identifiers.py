"""Identifiers in comparable form: equal values mean the same thing, whoever sent them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from pyspark.sql import Column, functions as F, types as T

from kinfold.core.settings.models import IdentityConf

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"


@dataclass(frozen=True)
class Spelling:
    """How identifiers become comparable.

    Attributes:
        placeholders: values, lower case, that stand for "unknown" in any namespace.
        phone_region: country of phones without a country code.
        folding: namespaces, beside e-mail, in which case says nothing.
        has_provider_rules: whether e-mail addresses that one mailbox receives are one (see
            `mailbox`).
    """

    placeholders: Sequence[str] = ()
    phone_region: str = "GB"
    folding: Sequence[str] = ()
    has_provider_rules: bool = False

    @classmethod
    def of(cls, conf: IdentityConf) -> "Spelling":
        folding = tuple(name for name, kind in conf.namespaces.items() if kind.folds_case)
        return cls(conf.placeholders, conf.phone_region, folding, conf.email_provider_rules)


def mailbox(email: Column) -> Column:
    """The address of the mailbox that a lower-case e-mail address reaches.

    Gmail ignores dots and what follows a plus sign, and googlemail.com is gmail.com; of other
    providers nothing is assumed.
    """
    local, domain = F.substring_index(email, "@", 1), F.substring_index(email, "@", -1)
    plain = F.replace(F.substring_index(local, "+", 1), F.lit("."), F.lit(""))
    is_gmail = domain.isin("gmail.com", "googlemail.com") & (plain != "")
    return F.when(is_gmail, F.concat(plain, F.lit("@gmail.com"))).otherwise(email)


def normalised_identifiers(sent: Column, phone: Column, spelling: Spelling) -> Column:
    """The usable identifiers of one event.

    E-mails are trimmed and put in lower case and must look like one; phones become E.164 and must
    be valid numbers; everything else is trimmed, and put in lower case where its kind says so. What
    cannot be used is left out.

    Args:
        sent: map of namespace to value, as sent; null gives an empty array.
        phone: the phone among `sent` in E.164 (see `e164_phone`); a column of its own, because a
            Python UDF cannot run inside a lambda.

    Returns:
        array<struct<namespace, value>>, distinct, ordered by namespace and value.
    """

    def normalised(entry: Column) -> Column:
        namespace, value = F.trim(entry["key"]), F.trim(entry["value"])
        email = F.lower(value)
        email = mailbox(email) if spelling.has_provider_rules else email
        comparable = (
            F.when(namespace == "email", F.when(email.rlike(_EMAIL), email))
            .when(namespace == "phone", phone)
            .when(namespace.isin(*spelling.folding), F.lower(value))
            .otherwise(value)
        )
        # An alias names two accounts of one person; a map holds a namespace once.
        account = F.when(namespace == "previous_user_id", "user_id").otherwise(namespace)
        return F.struct(account.alias("namespace"), comparable.alias("value"))

    def is_usable(identifier: Column) -> Column:
        value = identifier["value"]
        return value.isNotNull() & (value != "") & ~F.lower(value).isin(*spelling.placeholders)

    entries = F.coalesce(F.map_entries(sent), F.array().cast(_ENTRIES))
    usable = F.filter(F.transform(entries, normalised), is_usable)
    return F.array_sort(F.array_distinct(usable))


def e164_phone(raw: Column, *, region: str) -> Column:
    """A phone number as E.164 (`+442071838750`); null when it is not a valid number.

    A Python UDF, because numbering plans are data that no built-in function has.
    """

    # Not a pandas UDF: with pandas 3 its strings come back in chunks, which Spark 4.1 refuses.
    return F.udf(lambda text: parsed_phone(text, region), T.StringType())(raw)


@lru_cache(maxsize=100_000)
def parsed_phone(text: str | None, region: str) -> str | None:
    """`text` as E.164, or null when it is no valid phone number of `region` or abroad."""
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_ENTRIES = T.ArrayType(
    T.StructType(
        [
            T.StructField("key", T.StringType(), False),
            T.StructField("value", T.StringType(), True),
        ]
    )
)
