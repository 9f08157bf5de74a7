"""plots: figures of a model."""

import sys
from io import BytesIO

import pytest

from kinfold.models import plots

WEEKS = [
    dict(
        start=f"2026-03-0{day}", events=9, new_people=2, orders=0, revenue_cents=0.0, currency=None
    )
    for day in (1, 8)
]
CURVE = [(0.0, 0.0), (0.2, 0.6), (1.0, 1.0)]
FIGURES = {
    "roc_curve": lambda: plots.plot_roc_curve(CURVE, CURVE, auc=0.7, rule_auc=0.6),
    "precision_recall": lambda: plots.plot_precision_recall(
        CURVE, CURVE, average_precision=0.4, rule_average_precision=0.3, base_rate=0.2
    ),
    "calibration": lambda: plots.plot_calibration([(0.1, 0.12, 50), (0.4, 0.35, 50)], ece=0.03),
    "gain": lambda: plots.plot_gain(CURVE, CURVE, lift_top_decile=3.0, base_rate=0.2),
    "feature_importance": lambda: plots.plot_feature_importance({"order_count_90d": 0.7, "b": 0.3}),
    "silhouette_by_k": lambda: plots.plot_silhouette_by_k(
        [(3, 0.5, False), (4, 0.6, True)], chosen=3, smallest_share=0.02
    ),
    "segment_map": lambda: plots.plot_segment_map(
        [(0.0, 1.0, 0), (1.0, 0.0, 1)], names={0: "Buyers", 1: "Lookers"}, x_label="x", y_label="y"
    ),
    "links_by_rule": lambda: plots.plot_links_by_rule(
        [("matched", "active", 5), ("seen_together", "active", 90), ("matched", "blocked", 2)]
    ),
    "id_churn": lambda: plots.plot_id_churn(
        [("2026-03-01 09:00", {"merge": 3, "split": 1}), ("2026-03-02 09:00", {"move": 2})]
    ),
    "weekly_activity": lambda: plots.plot_weekly_activity(WEEKS),
    "profile_sizes": lambda: plots.plot_profile_sizes([[1, 10], [2, 5], [12, 1]]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_png_as_wide_as_the_page(name):
    buffer = BytesIO()
    FIGURES[name]().savefig(buffer, format="png", dpi=100)
    png = buffer.getvalue()
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 700


def test_the_legend_shows_the_numbers():
    labels = [text.get_text() for text in FIGURES["roc_curve"]().axes[0].get_legend().get_texts()]
    assert "model, AUC 0.700" in labels
    assert "one-line rule, AUC 0.600" in labels


def test_the_legend_of_links_does_not_lie_on_a_bar_and_each_bar_has_its_numbers():
    figure = plots.plot_links_by_rule(
        [("seen_together", "active", 14_293), ("seen_together", "blocked", 51)]
    )
    figure.savefig(BytesIO(), format="png")
    [axes] = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert not any(bar.get_window_extent().overlaps(legend) for bar in axes.patches)
    assert [text.get_text() for text in axes.texts] == ["14,293 active, 51 blocked"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["seen together"]


def test_weeks_without_orders_have_no_axes_for_them():
    figure = plots.plot_weekly_activity(WEEKS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["events", "new people"]
    sold = [week | dict(orders=1, revenue_cents=5_000.0, currency="JPY") for week in WEEKS]
    revenue = plots.plot_weekly_activity(sold).axes[-1]
    assert revenue.get_title(loc="left") == "revenue in JPY"
    assert [bar.get_height() for bar in revenue.patches] == [5_000.0, 5_000.0]


def test_without_data_there_is_still_a_figure():
    figures = (
        plots.plot_profile_sizes([]),
        plots.plot_feature_importance({}),
        plots.plot_feature_importance({"a": 0.0}),
    )
    for figure in figures:
        buffer = BytesIO()
        figure.savefig(buffer, format="png")
        assert buffer.getvalue().startswith(b"\x89PNG")


def test_figures_do_not_import_pyplot():
    FIGURES["gain"]()
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("order_count_90d", "orders, 90 d"),
        ("spend_cents", "spend"),
        ("category_count_90d", "categories, 90 d"),
        ("days_since_purchase", "days since purchase"),
        ("average_order_cents", "average order"),
    ],
)
def test_a_column_has_a_readable_label(column, label):
    assert plots.feature_label(column) == label
