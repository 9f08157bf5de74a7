"""Generates the lines of the event collector, with faults at configured rates.

A damaged line is always sent in addition to the good one, as if the client had tried again. So no
event is lost because of a fault.
"""

from dataclasses import dataclass, fields
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS, NAMESPACES, timestamp_text
from kinfold.synthetic.catalogue import CURRENCY
from kinfold.synthetic.draws import Draws, padded_hex
from kinfold.synthetic.people.hazards import JUNK_VALUES
from kinfold.synthetic.people.identifiers import typed_email, typed_phone

MALFORMED = ("truncated", "not_json", "empty", "wrong_types")
SCHEMA_BREAKING = ("missing_property", "negative_amount", "unknown_event_type", "bad_timestamp")
PLACEHOLDERS = {
    "email": ("test@test.com", "none@none.com", "noreply@example.com"),
    "user_id": ("undefined", "null", "0"),
    "cookie_id": ("null", "undefined", "00000000-0000-0000-0000-000000000000"),
}
"""Values that broken clients send instead of an identifier. They identify no person."""
_NOT_JSON = (
    "<html><body>502 Bad Gateway</body></html>",
    "GET /collect?v=1 HTTP/1.1",
    "}{",
    "event_id,event_type",
)
_BAD_TIMESTAMPS = ("2026-13-45T25:61:00Z", "yesterday", "01/02/2026 10:15", "")


@dataclass(frozen=True)
class FaultRates:
    """How often each fault happens, in [0, 1]. Rates are per event unless stated otherwise.

    Attributes:
        duplicates: the event is sent again with the same event_id; half of them at once and
            unchanged, half up to three days later.
        late: received one hour to six days after it occurred.
        out_of_order: received one to thirty minutes after it occurred, so behind later events.
        clock_skew: the device's clock is ahead: occurred_at is one to ten minutes after
            received_at.
        malformed: a second, unreadable line is sent: truncated, not JSON, empty or of wrong types.
        schema_breaking: a second event is sent that breaks its schema: a missing property, a
            negative amount, an unknown event_type or a bad timestamp.
        placeholders: an identifier is replaced by one that identifies no person, such as
            test@test.com.
        shared_devices: per pair of people: both use one device, hence its cookies.
        crm_typos: per row of the CRM extract: in a name or an e-mail, two letters are swapped or
            one is missing.

    Raises:
        ValueError: a rate is outside [0, 1], or late, out_of_order and clock_skew add up to more
            than 1 (an event has at most one of the three).
    """

    duplicates: float = 0.02
    late: float = 0.015
    out_of_order: float = 0.03
    clock_skew: float = 0.004
    malformed: float = 0.002
    schema_breaking: float = 0.003
    placeholders: float = 0.004
    shared_devices: float = 0.04
    crm_typos: float = 0.12

    def __post_init__(self) -> None:
        rates = {field.name: getattr(self, field.name) for field in fields(self)}
        wrong = [f"{name} is {rate}" for name, rate in rates.items() if not 0.0 <= rate <= 1.0]
        if wrong:
            raise ValueError(f"FaultRates: {', '.join(wrong)}, expected rates in [0, 1].")
        if self.late + self.out_of_order + self.clock_skew > 1.0:
            raise ValueError(
                f"FaultRates: late ({self.late}), out_of_order ({self.out_of_order}) and "
                f"clock_skew ({self.clock_skew}) add up to more than 1. An event has at most one "
                "of them: lower the rates."
            )

    @classmethod
    def none(cls) -> "FaultRates":
        """The rates of a world without faults."""
        return cls(**{field.name: 0.0 for field in fields(cls)})


def received_events(
    events: DataFrame, *, draws: Draws, rates: FaultRates, junk_rate: float = 0.0
) -> DataFrame:
    """Events with the time of their first receipt and with the faults chosen for them.

    Args:
        events: see `events.as_events`.
        junk_rate: share of events that contain one of JUNK_VALUES.

    Returns:
        The columns of `events` and received_ms, `timing` (on_time, late, out_of_order or
        clock_skew), written_ms (occurred_ms by the device's clock), `placeholder_in` and `junk_in`
        (the namespace whose identifier is replaced or added; null = none). `identifiers` still
        holds the true values.
    """
    delay = F.when(F.col("timing") == "late", _late_ms(draws))
    delay = delay.when(F.col("timing") == "out_of_order", _minutes(draws, "disorder", 1.0, 30.0))
    delay = delay.otherwise(200 + draws.below(2_800, "transit", "event_key"))
    skew = F.when(
        F.col("timing") == "clock_skew", _minutes(draws, "skew", 1.0, 10.0) + 3_000
    ).otherwise(0)
    timed = events.withColumns(
        {
            "timing": _timing(draws, rates),
            "placeholder_in": _placeholder_namespace(draws, rates),
            "junk_in": _junk_namespace(draws, junk_rate),
        }
    )
    return timed.withColumns(
        {"received_ms": F.col("occurred_ms") + delay, "written_ms": F.col("occurred_ms") + skew}
    )


def _timing(draws: Draws, rates: FaultRates) -> Column:
    chance = draws.uniform("timing", "event_key")
    return (
        F.when(chance < rates.late, F.lit("late"))
        .when(chance < rates.late + rates.out_of_order, F.lit("out_of_order"))
        .when(chance < rates.late + rates.out_of_order + rates.clock_skew, F.lit("clock_skew"))
        .otherwise(F.lit("on_time"))
    )


def _late_ms(draws: Draws) -> Column:
    hours = F.least(1.0 + draws.exponential(20.0, "late_hours", "event_key"), F.lit(144.0))
    return F.floor(hours * 3_600_000).cast("long")


def _minutes(draws: Draws, salt: str, at_least: float, below: float) -> Column:
    minutes = at_least + (below - at_least) * draws.uniform(salt, "event_key")
    return F.floor(minutes * 60_000).cast("long")


def _placeholder_namespace(draws: Draws, rates: FaultRates) -> Column:
    chosen = draws.uniform("placeholder", "event_key") < rates.placeholders
    namespace = F.when(F.col("identifiers.email").isNotNull(), F.lit("email"))
    namespace = namespace.when(F.col("identifiers.user_id").isNotNull(), F.lit("user_id"))
    return F.when(
        chosen, namespace.when(F.col("identifiers.cookie_id").isNotNull(), F.lit("cookie_id"))
    )


def _junk_namespace(draws: Draws, rate: float) -> Column:
    """The namespace of a junk value: the e-mail or phone that a form asks for, else the account."""
    asks_phone = F.col("identifiers.phone").isNotNull()
    asks_email = F.col("identifiers.email").isNotNull()
    is_phone = asks_phone & (~asks_email | (draws.uniform("junk_phone", "event_key") < 0.5))
    shown = F.when(is_phone, F.lit("phone")).when(asks_email, F.lit("email"))
    is_junk = draws.uniform("junk", "event_key") < rate
    return F.when(is_junk, shown.otherwise(F.lit("user_id")))


def sent_lines(
    received: DataFrame, *, draws: Draws, rates: FaultRates, start_on: date
) -> DataFrame:
    """The lines that the collector writes: each event, its duplicates and the damaged lines.

    Args:
        received: see `received_events`.

    Returns:
        One row per line: `line`, `received_ms`, `event_id`, `copy` (original, duplicate, malformed
        or schema_breaking), `damage` (one of MALFORMED or SCHEMA_BREAKING, else null), and the
        event's event_type, occurred_ms, timing, placeholder_in and junk_in. event_id and copy
        together are unique.
    """
    copies = (
        F.lit("original"),
        F.when(draws.uniform("duplicate", "event_key") < rates.duplicates, F.lit("duplicate")),
        F.when(draws.uniform("malformed", "event_key") < rates.malformed, F.lit("malformed")),
        F.when(
            draws.uniform("schema_breaking", "event_key") < rates.schema_breaking,
            F.lit("schema_breaking"),
        ),
    )
    malformed = draws.choice(MALFORMED, "malformed_kind", "event_key")
    breaking = draws.choice(SCHEMA_BREAKING, "schema_breaking_kind", "event_key")
    damage = F.when(F.col("copy") == "malformed", malformed).when(
        F.col("copy") == "schema_breaking", breaking
    )
    received_ms = F.col("received_ms") + _copy_delay_ms(draws)
    return (
        received.withColumn("written_identifiers", _written_identifiers(draws))
        .withColumn("copy", F.explode(F.array_compact(F.array(*copies))))
        .withColumns({"damage": damage, "received_ms": received_ms})
        .withColumn("event", _event_json(draws, start_on=start_on))
        .withColumn("line", _line(draws))
        .select(
            *("line", "received_ms", "event_id", "copy", "damage"),
            *("event_type", "occurred_ms", "timing", "placeholder_in", "junk_in"),
        )
    )


def _copy_delay_ms(draws: Draws) -> Column:
    is_at_once = draws.uniform("resend_at_once", "event_key") < 0.5
    later = F.floor(60_000 + draws.uniform("resend_after", "event_key") * 3 * DAY_MS).cast("long")
    resent = F.when(is_at_once, F.lit(0).cast("long")).otherwise(later)
    retried = (1 + draws.below(900, "retry_after", "event_key")).cast("long")
    return (
        F.when(F.col("copy") == "original", F.lit(0).cast("long"))
        .when(F.col("copy") == "duplicate", resent)
        .otherwise(retried)
    )


def _line(draws: Draws) -> Column:
    event, damage = F.col("event"), F.col("damage")
    kept = F.least(F.length(event) - 1, 8 + draws.below(400, "cut_at", "event_key"))
    return (
        F.when(damage.isNull(), event)
        .when(damage == "truncated", F.substring(event, F.lit(1), kept))
        .when(damage == "not_json", draws.choice(_NOT_JSON, "not_json", "event_key"))
        .when(damage == "empty", F.lit(""))
        .when(damage == "wrong_types", _mistyped_json())
        .otherwise(event)
    )


def _event_json(draws: Draws, *, start_on: date) -> Column:
    """The event as JSON text. A schema-breaking copy has another id and breaks one rule."""
    damage = F.col("damage")
    is_broken_order = damage.isin("missing_property", "negative_amount")
    new_id = padded_hex(draws.number("broken_id", "event_key"))
    bad_timestamp = draws.choice(_BAD_TIMESTAMPS, "bad_timestamp", "event_key")
    event_type = F.when(is_broken_order, F.lit("purchase")).when(
        damage == "unknown_event_type", F.lit("product_veiw")
    )
    occurred_at = timestamp_text(F.col("written_ms"), start_on=start_on)
    # Assembled as text: none of these values holds a character that JSON escapes.
    return F.concat(
        F.lit('{"event_id":"'),
        F.when(F.col("copy") == "schema_breaking", new_id).otherwise(F.col("event_id")),
        F.lit('","event_type":"'),
        event_type.otherwise(F.col("event_type")),
        F.lit('","occurred_at":"'),
        F.when(damage == "bad_timestamp", bad_timestamp).otherwise(occurred_at),
        F.lit('","received_at":"'),
        timestamp_text(F.col("received_ms"), start_on=start_on),
        F.lit('","identifiers":'),
        F.col("written_identifiers"),
        F.lit(',"properties":'),
        F.when(is_broken_order, _broken_order(draws)).otherwise(F.col("properties")),
        F.lit("}"),
    )


def _written_identifiers(draws: Draws) -> Column:
    """Identifiers as JSON text: e-mails and phones as people type them, placeholders, junk."""
    written = {name: F.col(f"identifiers.{name}") for name in NAMESPACES}
    written["email"] = typed_email(draws, written["email"], "event_key")
    written["phone"] = typed_phone(draws, written["phone"], "event_key")
    for name, values in PLACEHOLDERS.items():
        placeholder = draws.choice(values, "placeholder_value", "event_key")
        written[name] = F.when(F.col("placeholder_in") == name, placeholder).otherwise(
            written[name]
        )
    for name, junk_values in JUNK_VALUES.items():
        junk = draws.choice(junk_values, "junk_value", "event_key")
        written[name] = F.when(F.col("junk_in") == name, junk).otherwise(written[name])
    return F.to_json(F.struct(*(written[name].alias(name) for name in NAMESPACES)))


def _broken_order(draws: Draws) -> Column:
    """The properties of an order, with a negative amount or without its order_id."""
    is_negative = F.col("damage") == "negative_amount"
    amount = (100 + draws.below(9_900, "broken_amount", "event_key")).cast("string")
    order_id = F.concat(F.lit('"order_id":"o-'), padded_hex(F.col("event_key")), F.lit('",'))
    return F.concat(
        F.lit("{"),
        F.when(is_negative, order_id).otherwise(F.lit("")),
        F.lit('"amount_cents":'),
        F.when(is_negative, F.lit("-")).otherwise(F.lit("")),
        amount,
        F.lit(f',"currency":"{CURRENCY}"}}'),
    )


def _mistyped_json() -> Column:
    """A JSON object in which no member has the right type."""
    return F.concat(
        F.lit('{"event_id":'),
        F.abs(F.hash("event_id")).cast("string"),
        F.lit(',"event_type":["'),
        F.col("event_type"),
        F.lit('"],"occurred_at":true,"identifiers":"none","properties":[]}'),
    )
