"""Identifiers in comparable form: equal values mean the same thing, whoever sent them."""

from collections.abc import Sequence
from functools import lru_cache

import phonenumbers
from pyspark.sql import Column, functions as F, types as T

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"


def normalised_identifiers(sent: Column, phone: Column, *, placeholders: Sequence[str]) -> Column:
    """The usable identifiers of one event.

    E-mails are trimmed and put in lower case and must look like one; phones become E.164 and must
    be valid numbers; everything else is trimmed. What cannot be used is left out.

    Args:
        sent: map of namespace to value, as sent; null gives an empty array.
        phone: the phone among `sent` in E.164 (see `e164_phone`); a column of its own, because a
            Python UDF cannot run inside a lambda.
        placeholders: values, lower case, that stand for "unknown" in any namespace.

    Returns:
        array<struct<namespace, value>>, distinct, ordered by namespace and value.
    """

    def normalised(entry: Column) -> Column:
        namespace, value = F.trim(entry["key"]), F.trim(entry["value"])
        email = F.lower(value)
        comparable = (
            F.when(namespace == "email", F.when(email.rlike(_EMAIL), email))
            .when(namespace == "phone", phone)
            .otherwise(value)
        )
        # An alias names two accounts of one person; a map holds a namespace once.
        account = F.when(namespace == "previous_user_id", "user_id").otherwise(namespace)
        return F.struct(account.alias("namespace"), comparable.alias("value"))

    def is_usable(identifier: Column) -> Column:
        value = identifier["value"]
        return value.isNotNull() & (value != "") & ~F.lower(value).isin(*placeholders)

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
