"""Layout of the lookup tables by which the scanner validates events.

The tables are numbers in arrays, because compiled loops can read these without a Python object.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Ints

NULL, BOOLEAN, INTEGER, NUMBER, STRING, ARRAY, OBJECT = (1 << bit for bit in range(7))
"""Kinds of JSON value. Where NUMBER is allowed, whole numbers are allowed too."""
ANY = -1
"""Instead of the row of a value: every value is valid."""
NONE = -1
"""Instead of the row of a name or the number of a state: there is none."""
MAX_MEMBERS = 62
"""Described members of one object: the members that were read are the bits of one number."""
NAME_START, NAME_END, NAME_VALUE, NAME_ROLE = range(4)
"""Columns of `LookupTables.names`."""
STATE_WIDTH, MAY_END = 256, 255
"""Numbers per state of a pattern, and which of them is not a next state: see
`LookupTables.states`. No text in UTF-8 has the byte 255."""


class Role(IntEnum):
    """Which column of the landed row is filled from a member of an event."""

    OTHER = 0
    EVENT_ID = 1
    OCCURRED_AT = 2
    RECEIVED_AT = 3
    IDENTIFIERS = 4


class RuleColumn(IntEnum):
    """Columns of `LookupTables.rules`.

    Attributes:
        KINDS: bits of the kinds that the value may have.
        MIN_LENGTH, MAX_LENGTH: of a text, in characters.
        PATTERN: the first state of the pattern of a text, or NONE.
        OPTIONS, OPTIONS_END: rows of `names` with the texts that are allowed; equal: any text.
        EXCLUDES_MINIMUM, EXCLUDES_MAXIMUM: whether a number must differ from its limit.
        MIN_ITEMS, MAX_ITEMS: of an array.
        ITEMS: the row of the value of each item, or ANY.
        MEMBERS, MEMBERS_END: rows of `names` with the described members of an object.
        REQUIRED: bits of those members that are required.
        MAX_PROPERTIES: members of an object, described or not.
        NAME_PATTERN, OTHERS: of an object with texts under any names (`Role.IDENTIFIERS`): the
            first state of the pattern of the names, and the row of the value of each member.
    """

    KINDS = 0
    MIN_LENGTH = 1
    MAX_LENGTH = 2
    PATTERN = 3
    OPTIONS = 4
    OPTIONS_END = 5
    EXCLUDES_MINIMUM = 6
    EXCLUDES_MAXIMUM = 7
    MIN_ITEMS = 8
    MAX_ITEMS = 9
    ITEMS = 10
    MEMBERS = 11
    MEMBERS_END = 12
    REQUIRED = 13
    MAX_PROPERTIES = 14
    NAME_PATTERN = 15
    OTHERS = 16


class LookupTables(NamedTuple):
    """The rules of all compiled schemas together.

    Attributes:
        rules: one row per described value, see `RuleColumn`.
        limits: minimum and maximum of a number, by the row of `rules`; infinite if there is none.
        names: one row per name of a member and per allowed text: start and end in `name_bytes`,
            and of a member the row of its value and its `Role`.
        name_bytes: the bytes of all names.
        states: `STATE_WIDTH` numbers per state of a pattern: the next state by byte, NONE for bytes
            that are not ASCII; and at MAY_END whether a text may end in this state.
        types: like `names`, for each event type; the value is the row of the whole event.
    """

    rules: Ints
    limits: NDArray[np.float64]
    names: Ints
    name_bytes: NDArray[np.uint8]
    states: Ints
    types: Ints
