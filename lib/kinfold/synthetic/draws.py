"""Deterministic random numbers: a hash of the seed, a salt and the columns of a row.

The same seed, salt and column values give the same number on any machine, in any order of rows and
in any partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pyspark.sql import Column, functions as F


@dataclass(frozen=True)
class Draws:
    """The random numbers of one world.

    Each method takes a salt, which names the decision, and columns, which identify the subject of
    the decision. Independent decisions need different salts. The type of a column counts: an int
    and a long of equal value give different numbers.
    """

    seed: int

    def number(self, salt: str, *columns: Column | str) -> Column:
        """A uniformly distributed 64-bit integer."""
        digest = blake2b(f"{self.seed}/{salt}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        return F.xxhash64(F.lit(key).cast("long"), *columns)

    def uniform(self, salt: str, *columns: Column | str) -> Column:
        """A uniformly distributed double strictly between 0 and 1, so that its logarithm exists."""
        bits = F.shiftrightunsigned(self.number(salt, *columns), 12)
        return (bits.cast("double") + F.lit(0.5)) * F.lit(2.0**-52)

    def normal(self, salt: str, *columns: Column | str) -> Column:
        """An approximately standard normal number between -3.5 and 3.5.

        It is a sum of four uniform numbers: additions give the same bits on every machine. The
        sines and cosines of an exact method do not.
        """
        number = self.number(salt, *columns)
        slices = [
            F.shiftrightunsigned(number, shift).bitwiseAND(F.lit(0xFFFF))
            for shift in (0, 16, 32, 48)
        ]
        total = slices[0] + slices[1] + slices[2] + slices[3]
        return (total.cast("double") * F.lit(2.0**-16) - F.lit(2.0)) * F.lit(3.0**0.5)

    def exponential(self, mean: Column | float, salt: str, *columns: Column | str) -> Column:
        """An exponentially distributed waiting time with this mean."""
        return -F.log(self.uniform(salt, *columns)) * mean

    def below(self, limit: Column | int, salt: str, *columns: Column | str) -> Column:
        """A uniformly distributed integer from 0 to `limit` - 1."""
        return F.floor(self.uniform(salt, *columns) * limit).cast("int")

    def index(self, weights: Sequence[float], salt: str, *columns: Column | str) -> Column:
        """A position in `weights`, chosen with probabilities proportional to the weights.

        Raises:
            ValueError: `weights` is empty, or their sum is not above zero.
        """
        if not weights or sum(weights) <= 0:
            raise ValueError(f"Draws.index: weights are {list(weights)}, expected one above zero.")
        at = self.uniform(salt, *columns)
        position = F.lit(0)
        for end in range(1, len(weights)):
            position = position + (at >= F.lit(sum(weights[:end]) / sum(weights))).cast("int")
        return position

    def choice(self, values: Sequence[str], salt: str, *columns: Column | str) -> Column:
        """One of the values, all with the same probability."""
        return value_at(values, self.below(len(values), salt, *columns))


def value_at(values: Sequence[str] | Sequence[float], position: Column) -> Column:
    """The value at a position, counted from 0; null if the position is null or out of range.

    Text values must not contain "|". `element_at` is not usable: under ANSI, Spark 4 declares its
    result not null and reads a null position as a number.
    """
    # One literal for the whole list, which the optimizer folds into an array: a world needs
    # hundreds of lists.
    kind = {str: "string", int: "int", float: "double"}[type(values[0])]
    listed = F.split(F.lit("|".join(str(value) for value in values)), "[|]")
    return F.get(listed if kind == "string" else listed.cast(f"array<{kind}>"), position)


def padded_hex(number: Column) -> Column:
    """A long as 16 lower-case hexadecimal digits."""
    return F.lower(F.lpad(F.hex(number), 16, "0"))
