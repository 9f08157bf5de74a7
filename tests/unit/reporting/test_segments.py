"""What the people of each segment are worth, and what they have agreed to."""

from kinfold.reporting.segments import (
    few_members_line,
    segment_facts,
    segment_lines,
    segment_values,
)
from kinfold.tables import gold, silver


def card(name="Buyers", members=100, **values):
    worth = dict(buyers=0, revenue_cents=0.0, currency=None, consent={})
    return dict(name=name, members=members, share=0.5, card="") | worth | values


def test_revenue_and_consent_are_those_of_the_members(spark):
    members = gold.SEGMENT_MEMBERS.frame(
        spark,
        *(dict(profile_id=p, segment_id=s) for p, s in (("a", 0), ("b", 0), ("c", 1), ("new", 1))),
    )
    person = dict(order_count=0, revenue_cents=0, currency=None, consent={})
    profiles = silver.PROFILES.frame(
        spark,
        person
        | dict(profile_id="a", order_count=2, revenue_cents=900, currency="JPY")
        | dict(consent={"email": "granted", "sms": "withdrawn"}),
        person | dict(profile_id="b", order_count=1, revenue_cents=-100, currency="JPY"),
        person | dict(profile_id="c", consent={"email": "granted"}),
        person | dict(profile_id="of no segment", order_count=9, revenue_cents=9, currency="JPY"),
    )
    assert segment_values(members, profiles) == {
        0: dict(members=2, buyers=2, revenue_cents=800.0, currency="JPY", consent={"email": 1}),
        1: dict(members=2, buyers=0, revenue_cents=0.0, currency=None, consent={"email": 1}),
    }


def test_a_segment_without_orders_has_no_revenue_and_a_share_of_consent():
    buyers = card(buyers=80, revenue_cents=9_000.0, currency="EUR", consent={"email": 20})
    visitors = card("Visitors", members=300, consent={"email": 1})
    assert segment_facts(buyers, [buyers, visitors]) == [
        ("Have ordered", "80.0 %"),
        ("Revenue", "90.00 EUR"),
        ("Share of revenue", "100.0 %"),
        ("Consent to email", "20.0 %"),
    ]
    assert segment_facts(visitors, [buyers, visitors]) == [
        ("Have ordered", "0.0 %"),
        ("Consent to email", "0.3 %"),
    ]


def test_a_lake_without_orders_and_consent_has_people_only():
    assert segment_facts(card(), [card()]) == []
    assert segment_lines([card()]) == ["  Buyers                                  100       50.0 %"]


def test_a_segment_that_sent_back_more_than_it_bought_has_no_share_of_revenue():
    buyers = card(buyers=10, revenue_cents=9_000.0, currency="EUR")
    returners = card(buyers=10, revenue_cents=-500.0, currency="EUR")
    assert segment_facts(returners, [buyers, returners]) == [
        ("Have ordered", "10.0 %"),
        ("Revenue", "-5.00 EUR"),
    ]


def test_an_empty_segment_has_no_shares():
    assert segment_facts(card(members=0), [card(members=0), card(buyers=1)]) == []


def test_revenue_stands_beside_the_people_in_the_terminal():
    many = card("Buyers", 1_200, buyers=900, revenue_cents=123_456_789.0, currency="EUR")
    assert segment_lines([many, card("Visitors", 1_200)]) == [
        "  Buyers                                1,200       50.0 %     1,234,567.89 EUR",
        "  Visitors                              1,200       50.0 %                 none",
    ]


def test_a_lake_of_few_people_says_how_many_it_needs():
    assert few_members_line(1, min_people=50) == (
        "none yet: 1 person with events, and segments need at least 50 (segmentation.min_people)"
    )
    assert few_members_line(50, min_people=50) == "none: no version has passed its gate"
