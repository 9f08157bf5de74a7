"""plots: figures of a model."""

import sys
from io import BytesIO

import pytest

from kinfold.models import plots

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
    "no_id_churn": lambda: plots.plot_id_churn([]),
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
