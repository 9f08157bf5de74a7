"""Names and descriptions of segments."""

import pytest

from kinfold.gold.segmentation.clustering import CLUSTERED_COLUMNS, DESCRIBED_COLUMNS, Centroid
from kinfold.gold.segmentation.naming import overall_means, segment_cards


def centroid(segment_id, size=100, deviations=None, **means):
    usual = dict(
        recency_days=30.0,
        active_day_count_90d=5.0,
        product_view_count_30d=6.0,
        add_to_cart_count_30d=1.0,
        email_open_count_30d=1.0,
        order_count_90d=1.0,
        order_count=2.0,
        spend_cents=8_000.0,
        return_count_90d=0.1,
        tenure_days=200.0,
        average_order_cents=4_000.0,
    )
    assert set(usual) == set(DESCRIBED_COLUMNS)
    all_deviations = dict.fromkeys(CLUSTERED_COLUMNS, 0.0) | (deviations or {})
    return Centroid(segment_id, size, usual | means, usual | means, all_deviations)


EVERYONE = centroid(0).medians
NEVER = dict(order_count=0.0, order_count_90d=0.0, spend_cents=0.0, average_order_cents=0.0)


def names(*centroids):
    return [card.name for card in segment_cards(centroids, medians=EVERYONE)]


def test_segments_of_a_shop_with_browsing_are_named_by_behaviour():
    assert names(
        centroid(0, order_count=12.0, order_count_90d=6.0, spend_cents=90_000.0, recency_days=4.0),
        centroid(1, order_count_90d=0.0, recency_days=120.0, product_view_count_30d=0.0),
        centroid(2, product_view_count_30d=14.0, tenure_days=20.0, recency_days=12.0, **NEVER),
        centroid(3, product_view_count_30d=8.0, add_to_cart_count_30d=6.0, **NEVER),
        centroid(4, order_count=1.0, spend_cents=3_000.0),
        centroid(5, email_open_count_30d=9.0, product_view_count_30d=1.0, **NEVER),
    ) == [
        "Frequent big spenders",
        "Lapsed regular buyers",
        "New window shoppers",
        "Cart fillers",
        "One-time buyers",
        "E-mail readers",
    ]


def test_segments_of_a_shop_with_purchases_only_are_named_without_browsing():
    nothing = dict(product_view_count_30d=0.0, add_to_cart_count_30d=0.0, email_open_count_30d=0.0)
    cards = segment_cards(
        [
            centroid(0, order_count=20.0, spend_cents=1_000_000.0, recency_days=5.0, **nothing),
            centroid(1, size=300, order_count_90d=0.0, recency_days=200.0, **nothing),
            centroid(2, size=300, order_count=1.2, recency_days=60.0, **nothing),
        ],
        medians=EVERYONE | nothing,
    )
    assert [card.name for card in cards] == [
        "Frequent big spenders",
        "Lapsed regular buyers",
        "One-time buyers",
    ]
    assert not any(word in card.text for card in cards for word in ("view", "cart", "e-mail"))


def test_a_segment_is_named_after_returns_only_if_it_returns_more_per_order():
    many_orders = dict(order_count=20.0, order_count_90d=10.0, spend_cents=100_000.0)
    assert names(
        centroid(0, return_count_90d=1.0, **many_orders),
        centroid(1, return_count_90d=1.0, order_count_90d=1.0, order_count=2.0),
        centroid(2, size=800, return_count_90d=0.0),
    ) == ["Frequent big spenders", "Buyers who send back", "Regular buyers"]


def test_two_segments_of_one_name_get_the_feature_in_which_they_differ_most_in_words():
    assert names(
        centroid(0, product_view_count_30d=30.0, **NEVER),
        centroid(1, product_view_count_30d=5.0, **NEVER),
    ) == ["Window shoppers, browsing more", "Window shoppers, browsing less"]


def test_three_segments_of_one_name_get_that_feature_in_numbers():
    assert names(
        centroid(0, product_view_count_30d=12.0, **NEVER),
        centroid(1, product_view_count_30d=8.0, **NEVER),
        centroid(2, product_view_count_30d=16.0, **NEVER),
    ) == [
        f"Window shoppers, {views} product views in the last 30 days" for views in ("12", "8", "16")
    ]


@pytest.mark.parametrize("sizes", [(100, 200), (100, 200, 300), (100, 100), (100, 100, 100)])
def test_names_are_unique_even_for_segments_with_equal_means(sizes):
    unique = names(*(centroid(i, size=size) for i, size in enumerate(sizes)))
    assert len(set(unique)) == len(sizes)


def test_people_with_one_and_a_half_orders_are_not_frequent_buyers():
    assert names(
        centroid(0, order_count=1.5, spend_cents=12_000.0),
        centroid(1, size=900, **NEVER),
    ) == ["One-time buyers", "Window shoppers"], "nor big spenders only because most do not buy"


def test_people_whose_orders_are_older_than_the_data_are_no_visitors():
    nothing = dict(product_view_count_30d=0.0, add_to_cart_count_30d=0.0, email_open_count_30d=0.0)
    assert names(
        centroid(0, return_count_90d=1.0, **NEVER, **nothing),
        centroid(1, size=900, **nothing),
    ) == ["People who only send back", "Regular buyers"]


def test_a_card_begins_with_what_the_name_claims_and_has_orders_once():
    many = dict(order_count=4.0, order_count_90d=4.0, spend_cents=90_000.0, return_count_90d=2.0)
    deviations = dict(order_count_90d=3.0, order_count=2.9, active_day_count_90d=2.0)
    [card, _] = segment_cards(
        [
            centroid(0, deviations=deviations, active_day_count_90d=9.0, **many),
            centroid(1, size=900, order_count_90d=4.0, return_count_90d=0.0),
        ],
        medians=EVERYONE | dict(return_count_90d=0.0),
        currency="GBP",
    )
    assert card.name == "Big spenders who send back"
    assert card.text == (
        "Typically 900.00 GBP spent ever (everyone: 80.00 GBP), 2 orders returned in the last 90 "
        "days (everyone: none) and 4 orders in the last 90 days (everyone: 1)."
    )


def test_a_card_has_the_three_largest_deviations_with_the_medians_of_segment_and_everyone():
    cards = segment_cards(
        [
            centroid(
                0,
                size=250,
                deviations=dict(
                    spend_cents=2.0, order_count=1.5, recency_days=-1.0, product_view_count_30d=0.1
                ),
                spend_cents=123_456.0,
                order_count=10.0,
                recency_days=3.2,
                product_view_count_30d=7.0,
            ),
            centroid(
                1,
                size=750,
                deviations=dict(spend_cents=-1.0, order_count=-0.5),
                spend_cents=0.0,
                order_count=0.0,
                recency_days=203.0,
            ),
        ],
        medians=EVERYONE | dict(spend_cents=30_864.0, order_count=1.0, recency_days=153.0),
        currency="GBP",
    )
    assert cards[0].text == (
        "Typically 1,234.56 GBP spent ever (everyone: 308.64 GBP), "
        "10 orders ever (everyone: 1) and 3 days since the latest event (everyone: 153)."
    )
    assert cards[1].text.startswith(
        "Typically nothing spent ever (everyone: 308.64 GBP), no orders ever (everyone: 1) and "
    )


def test_amounts_have_the_decimals_of_their_currency():
    [card, _] = segment_cards(
        [centroid(0, deviations=dict(spend_cents=1.0), spend_cents=5_000.0), centroid(1)],
        medians=EVERYONE | dict(spend_cents=0.0),
        currency="JPY",
    )
    assert card.text == "Typically 5,000 JPY spent ever (everyone: nothing)."


def test_the_number_one_has_a_noun_in_the_singular():
    deviations = dict(order_count=3.0, return_count_90d=2.0, recency_days=1.0)
    one = dict(order_count=1.0, return_count_90d=1.0, recency_days=0.4)
    [card, _] = segment_cards(
        [centroid(0, deviations=deviations, **one), centroid(1)],
        medians=EVERYONE | dict(return_count_90d=0.0),
    )
    assert card.text == (
        "Typically 1 order returned in the last 90 days (everyone: none), 1 order ever (everyone: "
        "2) and less than 1 day since the latest event (everyone: 30)."
    )


def test_the_card_of_a_segment_without_deviations_says_so():
    assert segment_cards([centroid(0)], medians=EVERYONE)[0].text == "Typically like everyone."


def test_overall_means_are_over_people_not_over_segments():
    two = [centroid(0, size=300, order_count=1.0), centroid(1, size=100, order_count=5.0)]
    assert overall_means(two)["order_count"] == 2.0
