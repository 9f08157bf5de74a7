"""Generates events that show identifiers together, with exact truth, as Arrow tables in memory.

For tests and benchmarks of identity resolution, from a hundred people to millions. There is no shop
and there are no files: an event is only a time and the identifiers that were seen together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from kinfold.core.arrays import Flags, Ints
from kinfold.synthetic.people.hazards import JUNK_VALUES, IdentityHazards
from kinfold.synthetic.people.population import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS

PEOPLE_PER_BLOCK = 100_000
"""People per block. Households, kiosks and recycled phones never cross blocks."""

_NAMESPACES = ("cookie_id", "crm_id", "device_id", "email", "phone", "user_id")
_COOKIE, _CRM, _DEVICE, _EMAIL, _PHONE, _USER = range(6)
_ABSENT = -1
_DAYS, _DAY_US = 365, 86_400_000_000
_START_US = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
# A key within a namespace is owner * _SLOTS + slot. Slots of a cookie: device * 16 + generation.
_SLOTS = 64
_TABLET, _SHORTEST_COOKIE_DAYS = 3, 40
_JUNK = 1 << 40


_USUAL_HAZARDS = IdentityHazards()


@dataclass(frozen=True)
class Sightings:
    """Events that show identifiers, and the people who used each identifier.

    Attributes:
        events: one row per event: event_id, occurred_at (UTC) and identifiers (list of structs of
            namespace and value; normalised, ordered by namespace, at most one per namespace). In
            order of time within each block of people.
        truth: one row per (namespace, value, person_id). A shared identifier has one row per person
            who used it; one of JUNK_VALUES has no row.
    """

    events: pa.Table
    truth: pa.Table

    def frame(self, spark: SparkSession) -> DataFrame:
        """The events as a Spark frame."""
        return spark.createDataFrame(self.events)


def identity_sightings(
    *, people: int, seed: int, hazards: IdentityHazards = _USUAL_HAZARDS
) -> Sightings:
    """The events of one year: about 10 events and 7 identifiers per person.

    The same arguments give the same rows.

    Raises:
        ValueError: people is below 1.
    """
    blocks = list(sighting_blocks(people=people, seed=seed, hazards=hazards))
    return Sightings(
        pa.concat_tables(block.events for block in blocks),
        pa.concat_tables(block.truth for block in blocks),
    )


def sighting_blocks(
    *, people: int, seed: int, hazards: IdentityHazards = _USUAL_HAZARDS
) -> Iterator[Sightings]:
    """`identity_sightings` in blocks of people, for sizes that do not fit into memory.

    Junk values are the only identifiers that blocks share.

    Raises:
        ValueError: people is below 1.
    """
    if people < 1:
        raise ValueError(f"identity_sightings: people is {people}, expected at least 1.")
    return (
        _block(
            first=first,
            people=min(PEOPLE_PER_BLOCK, people - first),
            seed=seed,
            hazards=hazards,
        )
        for first in range(0, people, PEOPLE_PER_BLOCK)
    )


@dataclass(frozen=True)
class _People:
    """The people of a block. Each array has one entry per person."""

    devices: Ints
    emails: Ints
    phones: Ints
    has_account: Flags
    has_crm_id: Flags
    has_tablet: Flags
    """Uses the tablet of the household, which belongs to its first person."""
    has_family_email: Flags
    kiosk: Ints
    phone_until: Ints
    """The first day on which the person no longer has the first phone; _DAYS = never."""
    phone_from: Ints
    """The first day on which the person has the phone of `predecessor`; _DAYS = never."""
    predecessor: Ints


def _block(*, first: int, people: int, seed: int, hazards: IdentityHazards) -> Sightings:
    draws = np.random.default_rng([seed, first])
    residents = _residents(draws, people=people, hazards=hazards)
    visits = 2 + draws.geometric(1 / 8, people)
    person = np.repeat(np.arange(people), visits)
    person = person[draws.permutation(len(person))]
    occurred_us = np.sort(draws.integers(0, _DAYS * _DAY_US, len(person)))
    keys = _event_keys(draws, residents, person, day=occurred_us // _DAY_US)
    keys = _with_junk(draws, keys, rate=hazards.junk_values)
    seen = keys != _ABSENT
    namespace = np.broadcast_to(np.arange(len(_NAMESPACES), dtype=np.int64), keys.shape)[seen]
    flat, user = keys[seen], np.broadcast_to(person[:, None], keys.shape)[seen]
    node = flat * len(_NAMESPACES) + namespace
    nodes, position = np.unique(node, return_inverse=True)
    values = _values(nodes, first=first, seed=seed)
    names = pa.array(_NAMESPACES)
    at = pa.array(position)
    identifiers = pa.StructArray.from_arrays(
        [names.take(pa.array(namespace)), values.take(at)], names=["namespace", "value"]
    )
    offsets = np.concatenate([[0], np.cumsum(seen.sum(axis=1))]).astype(np.int32)
    number = _hashed(seed, np.arange(len(person)) + (first << 20))
    events = pa.table(
        {
            "event_id": _hex(b"", number),
            "occurred_at": pa.array(occurred_us + _START_US).cast(pa.timestamp("us", tz="UTC")),
            "identifiers": pa.ListArray.from_arrays(pa.array(offsets), identifiers),
        }
    )
    return Sightings(events, _truth(nodes, values, position, user, first=first, people=people))


def _residents(draws: Generator, *, people: int, hazards: IdentityHazards) -> _People:
    household = np.arange(people) // 2
    households = people // 2 + 1
    has_account = draws.random(people) < 0.88
    phones = draws.choice(3, people, p=[0.3, 0.55, 0.15])
    # In an odd number of people the last person has no partner and shares with themselves.
    has_tablet = (draws.random(households) < hazards.shared_devices)[household]
    has_family_email = (draws.random(households) < hazards.family_emails)[household]
    kiosks = max(1, round(people * hazards.kiosk_users / hazards.people_per_kiosk))
    goes_to_kiosk = draws.random(people) < hazards.kiosk_users
    gives_up = np.flatnonzero((draws.random(people) < hazards.recycled_phones) & (phones > 0))
    successors = draws.permutation(people)[: len(gives_up)]
    is_other = successors // 2 != gives_up // 2
    gives_up, successors = gives_up[is_other], successors[is_other]
    until = draws.integers(90, 240, len(gives_up))
    phone_until, phone_from = np.full(people, _DAYS), np.full(people, _DAYS)
    predecessor = np.zeros(people, dtype=np.int64)
    phone_until[gives_up], phone_from[successors] = until, until + 30
    predecessor[successors] = gives_up
    return _People(
        devices=1 + draws.choice(3, people, p=[0.5, 0.35, 0.15]),
        emails=1 + (draws.random(people) < 0.25),
        phones=phones,
        has_account=has_account,
        has_crm_id=has_account & (draws.random(people) < 0.6),
        has_tablet=has_tablet,
        has_family_email=has_family_email,
        kiosk=np.where(goes_to_kiosk, draws.integers(0, kiosks, people), _ABSENT),
        phone_until=phone_until,
        phone_from=phone_from,
        predecessor=predecessor,
    )


def _event_keys(draws: Generator, people: _People, person: Ints, *, day: Ints) -> Ints:
    """The identifiers of each event: one row per event, one column per namespace."""

    def chance(probability: float) -> Flags:
        return draws.random(len(person)) < probability

    is_login = people.has_account[person] & chance(0.45)
    is_identify = is_login & chance(0.3)
    kind = draws.random(len(person))
    is_order, is_mail = ~is_login & (kind < 0.15), ~is_login & (kind > 0.94)
    cookie, device = _cookies_and_devices(draws, people, person, day=day)
    email, phone = _emails_and_phones(draws, people, person, day=day)
    shows_email = is_order | is_mail | is_identify | (is_login & chance(0.5))
    shows_phone = (is_order & chance(0.5)) | (is_identify & chance(0.8))
    shows_cookie = ~(is_order & chance(0.3)) & ~(is_mail & chance(0.5))
    is_on_site = ~is_order & ~is_mail
    keys = np.empty((len(person), len(_NAMESPACES)), dtype=np.int64)
    account = person * _SLOTS
    keys[:, _COOKIE] = np.where(shows_cookie, cookie, _ABSENT)
    keys[:, _DEVICE] = np.where(is_on_site, device, _ABSENT)
    keys[:, _EMAIL] = np.where(shows_email, email, _ABSENT)
    keys[:, _PHONE] = np.where(shows_phone, phone, _ABSENT)
    keys[:, _USER] = np.where(is_login, account, _ABSENT)
    keys[:, _CRM] = np.where(is_identify & people.has_crm_id[person], account, _ABSENT)
    return keys


def _cookies_and_devices(
    draws: Generator, people: _People, person: Ints, *, day: Ints
) -> tuple[Ints, Ints]:
    """The cookie and the device of each event. Half of all devices are browsers, without an id."""
    habit = draws.random(len(person)) * draws.random(len(person))
    slot = (habit * people.devices[person]).astype(np.int64)
    is_on_tablet = people.has_tablet[person] & (draws.random(len(person)) < 0.35)
    owner = np.where(is_on_tablet, person // 2 * 2, person)
    slot = np.where(is_on_tablet, _TABLET, slot)
    used_device = owner * _SLOTS + slot
    lifetime = _SHORTEST_COOKIE_DAYS + _hashed(1, used_device) % np.uint64(160)
    cookie = owner * _SLOTS + slot * 16 + day // lifetime.astype(np.int64)
    device = np.where(_hashed(2, used_device) % np.uint64(2) == 0, used_device, _ABSENT)
    is_at_kiosk = (people.kiosk[person] >= 0) & (draws.random(len(person)) < 0.2)
    kiosk = (len(people.kiosk) + people.kiosk[person]) * _SLOTS
    return np.where(is_at_kiosk, kiosk, cookie), np.where(is_at_kiosk, kiosk, device)


def _emails_and_phones(
    draws: Generator, people: _People, person: Ints, *, day: Ints
) -> tuple[Ints, Ints]:
    """The e-mail and the phone of the person at each event; the event may not show them."""
    other_email = (draws.random(len(person)) < 0.3) & (people.emails[person] > 1)
    is_family = people.has_family_email[person] & (draws.random(len(person)) < 0.5)
    email = np.where(is_family, person // 2 * 2 * _SLOTS + 2, person * _SLOTS + other_email)
    is_second = (draws.random(len(person)) < 0.35) & (people.phones[person] > 1)
    has_given_up = day >= people.phone_until[person]
    own = np.where(people.phones[person] > 0, person * _SLOTS + is_second, _ABSENT)
    own = np.where(has_given_up, person * _SLOTS + 1, own)
    inherited = people.predecessor[person] * _SLOTS
    return email, np.where(day >= people.phone_from[person], inherited, own)


def _with_junk(draws: Generator, keys: Ints, *, rate: float) -> Ints:
    """Sets a junk value as the e-mail, phone or account of some events."""
    has_junk = draws.random(len(keys)) < rate
    column = draws.choice([_EMAIL, _PHONE, _USER], len(keys), p=[0.5, 0.2, 0.3])
    for target in (_EMAIL, _PHONE, _USER):
        choice = draws.integers(0, len(JUNK_VALUES[_NAMESPACES[target]]), len(keys))
        is_target = has_junk & (column == target)
        keys[:, target] = np.where(is_target, _JUNK + choice, keys[:, target])
    return keys


def _truth(
    nodes: Ints, values: pa.Array, position: Ints, user: Ints, *, first: int, people: int
) -> pa.Table:
    """The people who used each identifier, without junk values."""
    is_junk = nodes // len(_NAMESPACES) >= _JUNK
    used = np.unique((position * people + user)[~is_junk[position]])
    node, person = used // people, used % people
    number = pc.utf8_lpad(pa.array(person + first).cast(pa.string()), 9, "0")
    return pa.table(
        {
            "namespace": pa.array(_NAMESPACES).take(pa.array(nodes[node] % len(_NAMESPACES))),
            "value": values.take(pa.array(node)),
            "person_id": pc.binary_join_element_wise("p", number, ""),
        }
    )


def _values(nodes: Ints, *, first: int, seed: int) -> pa.Array:
    """The text of each identifier, in the order of `nodes`."""
    key, namespace = nodes // len(_NAMESPACES), nodes % len(_NAMESPACES)
    is_junk = key >= _JUNK
    # Keys of kiosks follow those of the block's people; `first` keeps hashes of blocks apart.
    hashed = _hashed(seed, nodes ^ (first << 34))
    number = (key // _SLOTS + first) * 3 + key % _SLOTS
    parts, positions = [], []
    for code, name in enumerate(_NAMESPACES):
        plain = np.flatnonzero((namespace == code) & ~is_junk)
        junk = np.flatnonzero((namespace == code) & is_junk)
        parts += [_text(name, hashed[plain], number[plain], seed=seed)]
        parts += [pa.array(JUNK_VALUES.get(name, ("",))).take(pa.array(key[junk] - _JUNK))]
        positions += [plain, junk]
    order = np.empty(len(nodes), dtype=np.int64)
    order[np.concatenate(positions)] = np.arange(len(nodes))
    return pa.concat_arrays(parts).take(pa.array(order))


def _text(namespace: str, hashed: NDArray[np.uint64], number: Ints, *, seed: int) -> pa.Array:
    if namespace == "email":
        words = [
            pa.array([word.lower() for word in listed]).take(pa.array(choice.astype(np.int64)))
            for listed, choice in (
                (FIRST_NAMES, hashed % np.uint64(len(FIRST_NAMES))),
                (LAST_NAMES, (hashed >> np.uint64(8)) % np.uint64(len(LAST_NAMES))),
                (MAIL_DOMAINS, (hashed >> np.uint64(16)) % np.uint64(len(MAIL_DOMAINS))),
            )
        ]
        local = pc.binary_join_element_wise(words[0], words[1], ".")
        local = pc.binary_join_element_wise(local, _digits(number, seed=seed), "")
        return pc.binary_join_element_wise(local, words[2], "@")
    if namespace in ("phone", "crm_id"):
        start = "+447" if namespace == "phone" else "C"
        return pc.binary_join_element_wise(start, _digits(number, seed=seed), "")
    return _hex(f"{namespace[0]}-".encode(), hashed)


def _digits(number: Ints, *, seed: int) -> pa.Array:
    """Nine digits per number, in no visible order; all different for numbers below 10^9."""
    # The factor and 10^9 have no common divisor, so no two numbers give the same digits.
    scattered = (number * 379_687_871 + seed * 7_919) % 10**9
    return pc.utf8_lpad(pa.array(scattered).cast(pa.string()), 9, "0")


def _hashed(seed: int, number: Ints) -> NDArray[np.uint64]:
    """A 64-bit hash of each number; different numbers give different hashes (SplitMix64)."""
    mixed = number.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    result: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result


_HEX_PAIRS = np.array([f"{byte:02x}" for byte in range(256)], dtype="S2")


def _hex(prefix: bytes, number: NDArray[np.uint64]) -> pa.Array:
    """The prefix and 16 hexadecimal digits for each number."""
    width = len(prefix) + 16
    text = np.empty((len(number), width), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    pairs = _HEX_PAIRS[number.astype(">u8").view(np.uint8)]
    text[:, len(prefix) :] = pairs.view(np.uint8).reshape(len(number), 16)
    offsets = np.arange(len(number) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(len(number), pa.py_buffer(offsets), pa.py_buffer(text))
