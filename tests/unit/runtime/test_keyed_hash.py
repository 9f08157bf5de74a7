"""Keyed hashes of texts and columns."""

import hmac

from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.core.masking import masked
from kinfold.runtime.keyed_hash import KeyedHash
from lakes import ID_KEY, keyed_hash

TEXTS = ["ann@example.org", "", "Zoë", "x" * 200]


def hmac_of(text: str) -> str:
    return hmac.digest(bytes.fromhex(ID_KEY), text.encode(), "sha256").hex()


def test_a_column_and_a_text_have_the_hmac_of_their_value(spark):
    keyed = keyed_hash(spark)
    rows = spark.createDataFrame([(text,) for text in [*TEXTS, None]], "value string")
    assert_rows(
        rows.select("value", keyed.column(F.col("value")).alias("hash")),
        ["value", "hash"],
        [*((text, hmac_of(text)) for text in TEXTS), (None, None)],
    )
    assert [keyed.text(text) for text in TEXTS] == [hmac_of(text) for text in TEXTS]


def test_keys_differ_in_their_check_value_which_is_no_part_of_them(spark):
    other = KeyedHash.of(spark, ID_KEY[::-1])
    assert keyed_hash(spark).check == keyed_hash(spark).check != other.check
    assert keyed_hash(spark).check not in ID_KEY


def test_no_plan_message_or_text_of_the_object_has_the_key(spark):
    keyed = keyed_hash(spark)
    hashed = spark.range(1).select(keyed.column(F.col("id").cast("string")))
    hashed.collect()
    block = bytes.fromhex(ID_KEY).ljust(64, b"\0")
    secrets = [ID_KEY, *(bytes(b ^ pad for b in block).hex() for pad in (0x36, 0x5C))]
    texts = [hashed._jdf.queryExecution().toString(), repr(keyed), masked(f"the key {ID_KEY}")]
    assert not [s for s in secrets for text in texts if s[:16] in text.lower()]
