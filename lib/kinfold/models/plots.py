"""Plots of a model, for its MLflow run and for the report.

Each function takes plain data and returns a figure that is readable at 700 pixels. pyplot is not
used, so there is no global state and no figure to close. The colours are distinct for people with
red-green colour blindness; lines also differ in style.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from kinfold.core.currencies import minor_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CurvePoints = Sequence[tuple[float, float]]

INK, QUIET, GRID = "#22303c", "#66727d", "#e3e7ea"
MODEL, RULE, CHANCE = "#0072b2", "#d55e00", "#9aa4ad"
SEGMENT_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#7a5195",
    "#8c7a00",
    "#4d4d4d",
    "#a6761d",
)
_MARKERS = "os^Dv<>pX*"


def plot_roc_curve(
    model: CurvePoints, rule: CurvePoints, *, auc: float, rule_auc: float
) -> "Figure":
    """ROC curve of the model and of the rule."""
    figure, axes = _canvas("ROC: share of buyers and of other people selected")
    axes.plot([0, 1], [0, 1], color=CHANCE, linestyle=":", label="chance, AUC 0.500")
    axes.plot(*_xy(rule), color=RULE, linestyle="--", label=f"one-line rule, AUC {rule_auc:.3f}")
    axes.plot(*_xy(model), color=MODEL, linewidth=2.4, label=f"model, AUC {auc:.3f}")
    _share_axes(
        axes, "others selected (false positive rate)", "buyers selected (true positive rate)"
    )
    _legend(axes, "lower right")
    return figure


def plot_precision_recall(
    model: CurvePoints,
    rule: CurvePoints,
    *,
    average_precision: float,
    rule_average_precision: float,
    base_rate: float,
) -> "Figure":
    """Precision by recall, of the model and of the rule."""
    figure, axes = _canvas("Precision and recall: share of buyers among those selected")
    axes.axhline(base_rate, color=CHANCE, linestyle=":", label=f"everyone, {base_rate:.3f}")
    rule_label = f"one-line rule, AP {rule_average_precision:.3f}"
    axes.plot(*_xy(rule), color=RULE, linestyle="--", label=rule_label)
    axes.plot(*_xy(model), color=MODEL, linewidth=2.4, label=f"model, AP {average_precision:.3f}")
    _share_axes(axes, "buyers selected (recall)", "buyers among those selected (precision)")
    _legend(axes, "upper right")
    return figure


def plot_calibration(bins: Sequence[tuple[float, float, int]], *, ece: float) -> "Figure":
    """Predicted probability and observed rate, from groups of (mean probability, rate, people)."""
    figure, axes = _canvas(f"Calibration: predicted and observed rate (ECE {ece:.3f})")
    top = min(1.0, 1.12 * max((max(predicted, seen) for predicted, seen, _ in bins), default=1.0))
    axes.plot([0, top], [0, top], color=CHANCE, linestyle=":", label="predicted = observed")
    predicted, observed, counts = ([bin_[i] for bin_ in bins] for i in range(3))
    # Two standard errors of a rate: the difference that chance alone explains.
    slack = [
        2 * (rate * (1 - rate) / count) ** 0.5 for rate, count in zip(observed, counts, strict=True)
    ]
    axes.errorbar(
        predicted,
        observed,
        yerr=slack,
        color=MODEL,
        marker="o",
        linewidth=2,
        capsize=3,
        label=f"groups of {min(counts, default=0):,} people, ±2 standard errors",
    )
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    _percent(axes)
    axes.set_xlabel("mean predicted probability")
    axes.set_ylabel("share that bought")
    _legend(axes, "upper left")
    return figure


def plot_gain(
    model: CurvePoints, rule: CurvePoints, *, lift_top_decile: float, base_rate: float
) -> "Figure":
    """Share of buyers reached by share of people addressed, the highest scores first."""
    figure, axes = _canvas(f"Gain: the top tenth buys {lift_top_decile:.1f} times as often")
    axes.plot([0, 1], [0, 1], color=CHANCE, linestyle=":", label="in any order")
    axes.plot([0, base_rate, 1], [0, 1, 1], color=QUIET, linewidth=1, label="perfect order")
    axes.plot(*_xy(rule), color=RULE, linestyle="--", label="one-line rule")
    axes.plot(*_xy(model), color=MODEL, linewidth=2.4, label="model")
    _share_axes(axes, "people addressed, likeliest first", "buyers reached")
    _legend(axes, "lower right")
    return figure


def plot_feature_importance(shares: Mapping[str, float], *, count: int = 12) -> "Figure":
    """The features with the highest share of gain, as bars."""
    figure, axes = _canvas("Feature importance: share of the trees' gain")
    top = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:count][::-1]
    names = [feature_label(name) for name, _ in top]
    bars = axes.barh(names, [share for _, share in top], color=MODEL, height=0.66)
    axes.bar_label(bars, fmt="{:.1%}", padding=4, color=QUIET, fontsize=9)
    axes.set_xlim(0, 1.15 * max((share for _, share in top), default=1.0) or 1.0)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return figure


def plot_silhouette_by_k(
    trials: Sequence[tuple[int, float, bool]], *, chosen: int, smallest_share: float
) -> "Figure":
    """Silhouette by number of segments, from (k, silhouette, whether a segment is too small)."""
    figure, axes = _canvas(f"Silhouette by number of segments: {chosen} chosen")
    axes.plot([k for k, *_ in trials], [s for _, s, _ in trials], color=CHANCE, zorder=1)
    for is_tiny, colour, marker, label in (
        (False, MODEL, "o", "usable"),
        (True, RULE, "X", f"a segment below {smallest_share:.0%} of the people"),
    ):
        shown = [(k, s) for k, s, tiny in trials if tiny is is_tiny]
        if shown:
            axes.scatter(*_xy(shown), color=colour, marker=marker, s=70, label=label, zorder=2)
    best = [(k, s) for k, s, _ in trials if k == chosen]
    axes.scatter(*_xy(best), facecolor="none", edgecolor=INK, s=240, linewidth=1.6, label="chosen")
    axes.set_xticks([k for k, *_ in trials])
    axes.set_xlabel("number of segments")
    axes.set_ylabel("silhouette")
    axes.margins(y=0.25)
    _legend(axes, "best")
    return figure


def plot_segment_map(
    points: Sequence[tuple[float, float, int]],
    *,
    names: Mapping[int, str],
    x_label: str,
    y_label: str,
) -> "Figure":
    """People as points, coloured by segment, with the segments' names in the legend."""
    figure, axes = _canvas("Segments: people who behave alike lie close together", height=5.4)
    for number, (segment_id, name) in enumerate(sorted(names.items())):
        own = [(x, y) for x, y, s in points if s == segment_id]
        if not own:
            continue
        colour = SEGMENT_COLOURS[number % len(SEGMENT_COLOURS)]
        marker = _MARKERS[number % len(_MARKERS)]
        axes.scatter(*_xy(own), s=16, color=colour, marker=marker, alpha=0.55, linewidth=0)
        axes.scatter([], [], s=48, color=colour, marker=marker, label=f"{name} ({len(own):,})")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_xticklabels([])
    axes.set_yticklabels([])
    columns = 2 if len(names) > 3 else 1
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        ncols=columns,
        frameon=False,
        fontsize=10,
        labelcolor=INK,
    )
    return figure


def plot_profile_sizes(sizes: Sequence[Sequence[int]], *, cap: int = 12) -> "Figure":
    """Profiles by number of identifiers, from (identifiers, profiles); `cap` is `cap` or more."""
    figure, axes = _canvas("Profiles by number of identifiers", height=3.4)
    counts = {int(size): int(profiles) for size, profiles in sizes}
    shown = range(1, max([*counts, 1]) + 1)
    labels = [f"{size}+" if size >= cap else str(size) for size in shown]
    bars = axes.bar(labels, [counts.get(size, 0) for size in shown], color=MODEL, width=0.7)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, color=QUIET, fontsize=9)
    axes.set_xlim(-0.6, max(len(labels), 4) - 0.4)
    axes.set_xlabel("identifiers of one person")
    axes.yaxis.set_visible(False)
    axes.grid(visible=False)
    return figure


_STATUS_COLOURS = {"active": MODEL, "blocked": RULE, "withdrawn": CHANCE}


def plot_links_by_rule(counts: Sequence[tuple[str, str, int]]) -> "Figure":
    """Links of the identity graph by rule, from (rule, status, links); at least one of them.

    Each bar has its numbers beside it: a few blocked links among thousands are too thin to see.
    """
    rules = sorted({rule for rule, _, _ in counts}, reverse=True)
    figure, axes = _canvas("Links by rule", height=1.4 + 0.7 * len(rules))
    links_by_kind = {(rule, status): links for rule, status, links in counts}
    start = [0] * len(rules)
    for status, colour in _STATUS_COLOURS.items():
        widths = [links_by_kind.get((rule, status), 0) for rule in rules]
        if any(widths):
            axes.barh(rules, widths, left=start, color=colour, height=0.45, label=status)
        start = [one + width for one, width in zip(start, widths, strict=True)]
    for position, rule in enumerate(rules):
        numbers = ", ".join(
            f"{links_by_kind[rule, status]:,} {status}"
            for status in _STATUS_COLOURS
            if links_by_kind.get((rule, status))
        )
        axes.text(0, position + 0.3, numbers, color=QUIET, fontsize=10, va="bottom")
    axes.set_yticks(range(len(rules)), [rule.replace("_", " ") for rule in rules])
    axes.set_ylim(-0.5, len(rules) - 0.2)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    _legend_below(axes)
    return figure


_CHANGE_COLOURS = {"merge": MODEL, "split": RULE, "move": "#009e73", "rename": CHANCE}


def plot_id_churn(runs: Sequence[tuple[str, Mapping[str, int]]]) -> "Figure":
    """Changes of profile ids by run, from (moment, changes by kind), the oldest first; at least
    one run."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _canvas("Changes of ids by run", height=3.4)
    positions = list(range(len(runs)))
    start = [0] * len(runs)
    for kind, colour in _CHANGE_COLOURS.items():
        heights = [counts.get(kind, 0) for _, counts in runs]
        axes.bar(positions, heights, bottom=start, color=colour, width=0.6, label=f"{kind}s")
        start = [one + height for one, height in zip(start, heights, strict=True)]
    axes.set_xticks(positions, [moment for moment, _ in runs], rotation=30, ha="right")
    axes.set_ylabel("pairs of people")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.7, max(len(runs), 4) - 0.3)
    axes.set_ylim(0, max([*start, 1]) * 1.3)  # room for the legend above the bars
    axes.legend(loc="upper left", ncols=4, frameon=False, fontsize=10, labelcolor=INK)
    return figure


def plot_weekly_activity(weeks: Sequence[Mapping[str, Any]]) -> "Figure":
    """Events, new people, orders and revenue by week, from the weeks of the summary.

    Only rows with a number above 0 are drawn: a shop without orders has no empty axes.
    """
    currency = next((week["currency"] for week in weeks if week["currency"]), None)
    unit = 10 ** minor_digits(currency)
    rows = {
        "events": [week["events"] for week in weeks],
        "new people": [week["new_people"] for week in weeks],
        "orders": [week["orders"] for week in weeks],
        f"revenue{f' in {currency}' if currency else ''}": [
            week["revenue_cents"] / unit for week in weeks
        ],
    }
    shown = {name: values for name, values in rows.items() if any(values)}
    from matplotlib.ticker import MaxNLocator

    figure, all_axes = _canvases(len(shown), "Events, people and orders by week")
    days = [f"{datetime.fromisoformat(week['start']):%-d %b}" for week in weeks]
    for axes, (name, values) in zip(all_axes, shown.items(), strict=True):
        axes.bar(range(len(values)), values, color=MODEL, width=0.7)
        axes.set_title(name, loc="left", fontsize=11, color=INK)
        axes.set_xticks([])
        axes.set_xlim(-0.7, max(len(values), 4) - 0.3)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(visible=False, axis="x")
    all_axes[-1].set_xticks(range(len(days)), days, rotation=30, ha="right")
    return figure


def feature_label(column: str) -> str:
    """The label of a feature's column: `order_count_90d` becomes `orders, 90 d`."""
    words, _, window = column.rpartition("_")
    if not (window.endswith("d") and window[:-1].isdigit()):
        words, window = column, ""
    words = words.removesuffix("_cents")
    if words.endswith("_count"):
        thing = words.removesuffix("_count")
        words = {"category": "categories", "add_to_cart": "cart_additions"}.get(thing, f"{thing}s")
    label = words.replace("_", " ")
    return f"{label}, {window[:-1]} d" if window else label


def _canvas(title: str, *, height: float = 4.4) -> "tuple[Figure, Axes]":
    figure = _figure(height)
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=12, fontweight="bold")
    _style(axes)
    return figure, axes


def _canvases(count: int, title: str) -> "tuple[Figure, list[Axes]]":
    """A figure with `count` axes, one below the other."""
    figure = _figure(0.8 + 1.3 * count)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=INK, fontweight="bold")
    all_axes = list(figure.subplots(count, 1, squeeze=False)[:, 0])
    for axes in all_axes:
        _style(axes)
    return figure, all_axes


def _figure(height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: "Axes") -> None:
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.9)
    axes.tick_params(colors=QUIET, labelsize=10, length=0)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(CHANCE)


def _xy(points: CurvePoints) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _percent(axes: "Axes") -> None:
    from matplotlib.ticker import PercentFormatter

    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _share_axes(axes: "Axes", x_label: str, y_label: str) -> None:
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(0, 1.03)
    _percent(axes)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)


def _legend_below(axes: "Axes") -> None:
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=4,
        frameon=False,
        fontsize=10,
        labelcolor=INK,
    )


def _legend(
    axes: "Axes", location: Literal["best", "lower right", "upper left", "upper right"]
) -> None:
    axes.legend(loc=location, frameon=False, fontsize=10, labelcolor=INK)
