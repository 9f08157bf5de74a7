"""HMAC-SHA-256 by the secret key of a lake, of texts in Python and of columns in Spark."""

import hmac
import re
from dataclasses import dataclass, field

import pyarrow as pa
from pyspark.sql import Column, SparkSession, functions as F, types as T

from kinfold.core.masking import remember_secret
from kinfold.runtime.arrow_frames import local_frame

KEY_FORMAT = re.compile("[0-9a-f]{64}")
"""256 bits in hexadecimal digits."""
_BLOCK_BYTES = 64
_CHECKED = "kinfold: check value of the key"
_PADS = T.StructType(
    [T.StructField("inner", T.BinaryType()), T.StructField("outer", T.BinaryType())]
)


@dataclass(frozen=True)
class KeyedHash:
    """Hashes that nobody can compute, or confirm a guess with, who does not have the key.

    The key is in no query plan, which Spark prints in its UI, its event log and its errors: columns
    read it by a scalar subquery, of which a plan shows only the name.
    """

    _key: bytes = field(repr=False)
    _pads: Column = field(repr=False, compare=False)

    @classmethod
    def of(cls, spark: SparkSession, key: str) -> "KeyedHash":
        """The hash by a key.

        Args:
            key: 64 hexadecimal digits (`KEY_FORMAT`).
        """
        remember_secret(key)
        secret = bytes.fromhex(key)
        block = secret.ljust(_BLOCK_BYTES, b"\0")
        pads = {"inner": bytes(b ^ 0x36 for b in block), "outer": bytes(b ^ 0x5C for b in block)}
        schema = T.StructType([T.StructField("pads", _PADS)])
        return cls(secret, local_frame(spark, pa.table({"pads": [pads]}), schema).scalar())

    @property
    def check(self) -> str:
        """A value by which a key is recognised, and which says nothing about it."""
        return self.text(_CHECKED)[:16]

    def text(self, value: str) -> str:
        """HMAC-SHA-256 of a text in UTF-8: 64 hex digits."""
        return hmac.new(self._key, value.encode(), "sha256").hexdigest()

    def column(self, value: Column) -> Column:
        """`text` of a column of texts; null stays null. Not possible in a lambda function.

        RFC 2104: the outer hash of the outer pad and the inner hash of the inner pad and the text.
        """
        inner = F.sha2(F.concat(self._pads["inner"], value.cast("binary")), 256)
        return F.sha2(F.concat(self._pads["outer"], F.unhex(inner)), 256)
