"""Normalised identifiers: equal values mean the same thing, whichever source sent them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from pyspark.sql import Column, functions as F, types as T

from kinfold.core.settings.models import IdentityConf

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"


@dataclass(frozen=True)
class Spelling:
    """How identifiers are normalised.

    Its repr is part of the settings hash of jobs: a renamed attribute would cause a rebuild.

    Attributes:
        placeholders: values, lower case, that mean "unknown" in any namespace.
        phone_region: ISO 3166 country of phone numbers without a country code.
        folding: namespaces, besides e-mail, in which upper and lower case are equal.
        has_provider_rules: whether the e-mail addresses of one mailbox are one value (see
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
    """The main address of the mailbox that a lower-case e-mail address belongs to.

    Gmail ignores dots and the text after a plus sign, and googlemail.com is gmail.com. Addresses of
    other providers stay as they are.
    """
    local, domain = F.substring_index(email, "@", 1), F.substring_index(email, "@", -1)
    plain = F.replace(F.substring_index(local, "+", 1), F.lit("."), F.lit(""))
    is_gmail = domain.isin("gmail.com", "googlemail.com") & (plain != "")
    return F.when(is_gmail, F.concat(plain, F.lit("@gmail.com"))).otherwise(email)


def normalised_identifiers(sent: Column, phone: Column, spelling: Spelling) -> Column:
    """The valid identifiers of one event or record, normalised.

    E-mail addresses are trimmed, converted to lower case and must look like an address. Phone
    numbers are converted to E.164 and must be valid. All other values are trimmed, and converted to
    lower case in namespaces that fold case. Invalid values, empty ones and placeholders are left
    out.

    Args:
        sent: map of namespace to value, as sent; null gives an empty array.
        phone: the phone number of `sent` in E.164 (see `e164_phone`). It is a column of its own,
            because a Python UDF cannot run inside a lambda.

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
        # The old account of an alias: a map cannot have the key user_id twice.
        account = F.when(namespace == "previous_user_id", "user_id").otherwise(namespace)
        return F.struct(account.alias("namespace"), comparable.alias("value"))

    def is_usable(identifier: Column) -> Column:
        value = identifier["value"]
        return value.isNotNull() & (value != "") & ~F.lower(value).isin(*spelling.placeholders)

    entries = F.coalesce(F.map_entries(sent), F.array().cast(_ENTRIES))
    usable = F.filter(F.transform(entries, normalised), is_usable)
    return F.array_sort(F.array_distinct(usable))


def e164_phone(raw: Column, *, region: str) -> Column:
    """A phone number in E.164 (`+442071838750`); null if it is not a valid number.

    A Python UDF, because no built-in function has the data of numbering plans.
    """

    # Not a pandas UDF: pandas 3 returns its strings in chunks, which Spark 4.1 does not accept.
    return F.udf(lambda text: parsed_phone(text, region), T.StringType())(raw)


@lru_cache(maxsize=100_000)
def parsed_phone(text: str | None, region: str) -> str | None:
    """`text` in E.164; null if it is not a valid phone number.

    Args:
        region: the country of numbers without a country code.
    """
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
