"""Orders, their revenue and the reporting currency from run to run."""

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ConfError
from kinfold.tables import silver
from lakes import lake_of

JOBS = ("silver/resolve_identities", "silver/build_orders", "silver/build_profiles")


@pytest.fixture
def add_events(spark, lake_root):
    """`add_events(*events)` appends events about orders to silver.events."""

    def event(number, event_type, order_id, *, email=None, cents=None, currency=None):
        return dict(
            event_id=number,
            event_type=event_type,
            source="shop",
            occurred_at=at(f"2026-03-{number}"),
            received_at=at(f"2026-03-{number}"),
            is_before_earliest=False,
            identifiers=[dict(namespace="email", value=email)] if email else [],
            order_id=order_id,
            amount_cents=cents,
            currency=currency,
            source_partition="part-1",
            source_offset=int(number),
            record_index=0,
            ingested_at=at(f"2026-03-{number}"),
        )

    def append(*events):
        rows = [event(*positional, **named) for positional, named in events]
        lake_of(spark, lake_root).append(silver.EVENTS, silver.EVENTS.rows(spark, rows))

    return append


def test_an_event_that_names_only_its_order_changes_the_profile_of_the_buyer(
    spark, lake_root, run, add_events, tmp_path, capsys
):
    ann = dict(email="ann@example.org")
    columns = ["revenue", "revenue_cents", "currency", "order_count", "return_count"]

    def rows_of(table):
        return lake_of(spark, lake_root).read(table)

    add_events(
        (("01", "purchase", "o1"), dict(cents=1000, currency="EUR", **ann)),
        (("02", "purchase", "o2"), dict(cents=500, currency="USD", **ann)),
        (("03", "purchase", "o3"), dict(cents=700, currency="EUR", **ann)),
    )
    for job in JOBS:
        run(job)
    expected = ({"EUR": 1700, "USD": 500}, 1700, "EUR", 3, 0)
    assert_rows(rows_of(silver.PROFILES), columns, [expected])

    add_events((("04", "return", "o1"), {}), (("05", "order_cancel", "o3"), {}))
    for job in JOBS[1:]:
        run(job)
    assert_rows(rows_of(silver.PROFILES), columns, [({"EUR": 0, "USD": 500}, 0, "EUR", 2, 1)])

    # Most orders are now in another currency, so it is the reporting currency.
    add_events(
        (("06", "purchase", "o6"), dict(cents=1, currency="USD", **ann)),
        (("07", "purchase", "o7"), dict(cents=2, currency="USD", **ann)),
    )
    run("silver/build_orders")
    assert "computes all rows again, because most orders are now in USD" in capsys.readouterr().err
    sums = [(None,), (None,), (500,), (1,), (2,)]
    assert_rows(rows_of(silver.ORDERS), ["reporting_cents"], sums)

    rates = tmp_path / "rates.csv"
    rates.write_text("date,currency,rate\n2026-03-01,USD,0.9\n")
    options = ("--set", "money.currency=EUR", "--set", f"money.rates={rates}")
    run("silver/build_orders", *options)
    sums = [(0,), (0,), (450,), (1,), (2,)]
    assert_rows(rows_of(silver.ORDERS), ["reporting_cents"], sums)

    rates.write_text("date,currency,rate\n2026-03-01,USD,none\n")
    with pytest.raises(ConfError, match=r"rates.csv: line 2: rate is 'none', expected a number"):
        run("silver/build_orders", *options)
