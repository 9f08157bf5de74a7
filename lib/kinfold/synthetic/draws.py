"""Draws: random numbers that are functions of what they are drawn for.

A draw is a hash of the seed, a salt that names the question, and the columns that name the case.
The same question about the same case has the same answer on any machine, in any order and in any
partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pyspark.sql import Column, functions as F


@dataclass(frozen=True)
class Draws:
    """Every random number of one world.

    Each method takes a salt (what is asked) and columns (about whom or what). Two questions need
    two salts; the same salt and columns give the same answer wherever they are asked. Columns keep
    their type: a hash of an int and of an equal long differ.
    """

    seed: int

    def number(self, salt: str, *columns: Column | str) -> Column:
        """A 64-bit whole number, each equally likely."""
        digest = blake2b(f"{self.seed}/{salt}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        return F.xxhash64(F.lit(key).cast("long"), *columns)

    def uniform(self, salt: str, *columns: Column | str) -> Column:
        """A double strictly between 0 and 1, so that its logarithm exists."""
        bits = F.shiftrightunsigned(self.number(salt, *columns), 12)
        return (bits.cast("double") + F.lit(0.5)) * F.lit(2.0**-52)

    def normal(self, salt: str, *columns: Column | str) -> Column:
        """Roughly standard normal, within -3.5 and 3.5.

        A sum of four uniforms: additions give the same bits on every machine, which the sines and
        cosines of an exact method do not.
        """
        number = self.number(salt, *columns)
        slices = [
            F.shiftrightunsigned(number, shift).bitwiseAND(F.lit(0xFFFF))
            for shift in (0, 16, 32, 48)
        ]
        total = slices[0] + slices[1] + slices[2] + slices[3]
        return (total.cast("double") * F.lit(2.0**-16) - F.lit(2.0)) * F.lit(3.0**0.5)

    def exponential(self, mean: Column | float, salt: str, *columns: Column | str) -> Column:
        """A waiting time with this mean."""
        return -F.log(self.uniform(salt, *columns)) * mean

    def below(self, limit: Column | int, salt: str, *columns: Column | str) -> Column:
        """A whole number from 0 to `limit` - 1, each equally likely."""
        return F.floor(self.uniform(salt, *columns) * limit).cast("int")

    def index(self, weights: Sequence[float], salt: str, *columns: Column | str) -> Column:
        """A position in `weights`, in proportion to the weights.

        Raises:
            ValueError: `weights` is empty, or holds nothing above zero.
        """
        if not weights or sum(weights) <= 0:
            raise ValueError(f"Draws.index: weights are {list(weights)}, expected one above zero.")
        at = self.uniform(salt, *columns)
        position = F.lit(0)
        for end in range(1, len(weights)):
            position = position + (at >= F.lit(sum(weights[:end]) / sum(weights))).cast("int")
        return position

    def choice(self, values: Sequence[str], salt: str, *columns: Column | str) -> Column:
        """One of the values, each equally likely."""
        return looked_up(values, self.below(len(values), salt, *columns))


def looked_up(values: Sequence[str] | Sequence[float], position: Column) -> Column:
    """The value at a position that counts from 0; null where the position is null or outside.

    Values of text hold no "|". Not element_at: under ANSI, Spark 4 declares its result not null
    and reads a null position as a number.
    """
    # One literal for the whole list, folded into an array by the optimizer: a world asks for
    # hundreds.
    kind = {str: "string", int: "int", float: "double"}[type(values[0])]
    listed = F.split(F.lit("|".join(str(value) for value in values)), "[|]")
    return F.get(listed if kind == "string" else listed.cast(f"array<{kind}>"), position)


def padded_hex(number: Column) -> Column:
    """A long as 16 lower-case hexadecimal digits."""
    return F.lower(F.lpad(F.hex(number), 16, "0"))
