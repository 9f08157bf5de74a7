"""Names and descriptions of segments, derived from how their centroids differ from the mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kinfold.gold.segmentation.clustering import Centroid

Means = Mapping[str, float]

MIN_ORDERS_OF_BUYERS = 0.2  # a segment with fewer orders per person does not buy
MAX_ORDERS_OF_ONE_TIME_BUYERS = 1.5  # per person
FACTS_ON_A_CARD = 3


@dataclass(frozen=True)
class Fact:
    """How a card describes one feature. A card has at most one feature of each family."""

    family: str
    words: str
    number: Callable[[float], str]


def _count(value: float) -> str:
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return "no" if text == "0.0" else text


def _money(cents: float) -> str:
    return f"{cents / 100:,.2f}" if cents >= 0.5 else "nothing"


FACTS: Mapping[str, Fact] = {
    "recency_days": Fact("recency", "{} days since the latest event", _count),
    "active_day_count_90d": Fact("activity", "{} active days in the last 90", _count),
    "product_view_count_30d": Fact("views", "{} product views in the last 30 days", _count),
    "add_to_cart_count_30d": Fact("carts", "{} products put into the cart in 30 days", _count),
    "email_open_count_30d": Fact("e-mail", "{} e-mails opened in the last 30 days", _count),
    "order_count_90d": Fact("recent orders", "{} orders in the last 90 days", _count),
    "order_count": Fact("orders", "{} orders ever", _count),
    "spend_cents": Fact("spend", "{} spent ever", _money),
    "return_count_90d": Fact("returns", "{} orders returned in the last 90 days", _count),
    "tenure_days": Fact("tenure", "{} days since the first event", _count),
    "average_order_cents": Fact("order value", "{} per order", _money),
}
# Endings of two segments of one name: of the one with the larger mean, and of the other.
_MORE_AND_LESS: Mapping[str, tuple[str, str]] = {
    "recency_days": ("away longer", "here lately"),
    "active_day_count_90d": ("more active", "less active"),
    "product_view_count_30d": ("browsing more", "browsing less"),
    "add_to_cart_count_30d": ("filling carts", "not filling carts"),
    "email_open_count_30d": ("opening e-mails", "not opening e-mails"),
    "order_count_90d": ("ordering lately", "not ordering lately"),
    "order_count": ("ordering more", "ordering less"),
    "spend_cents": ("spending more", "spending less"),
    "return_count_90d": ("returning more", "returning less"),
    "tenure_days": ("known longer", "known a shorter time"),
    "average_order_cents": ("large orders", "small orders"),
}


@dataclass(frozen=True)
class Card:
    """The name and description of a segment."""

    segment_id: int
    name: str
    text: str


def segment_cards(centroids: Sequence[Centroid]) -> tuple[Card, ...]:
    """One card per centroid, in the same order. Names are unique and do not contain the id."""
    everyone = overall_means(centroids)
    plain = [_plain_name(centroid.means, everyone) for centroid in centroids]
    names = list(plain)
    for name in sorted({n for n in plain if plain.count(n) > 1}):
        same = [i for i, n in enumerate(plain) if n == name]
        endings = _endings([centroids[i] for i in same], everyone)
        for i, ending in zip(same, endings, strict=True):
            names[i] = f"{name}, {ending}"
    return tuple(
        Card(c.segment_id, name, _text(c, everyone))
        for c, name in zip(centroids, names, strict=True)
    )


def overall_means(centroids: Sequence[Centroid]) -> dict[str, float]:
    """Mean of each feature over all people, not over segments."""
    people = sum(centroid.size for centroid in centroids)
    return {
        feature: sum(c.size * c.means[feature] for c in centroids) / people
        for feature in centroids[0].means
    }


def _plain_name(means: Means, everyone: Means) -> str:
    def times(feature: str) -> float:
        """The mean of the segment divided by the mean of all people; 1 if that is 0."""
        return means[feature] / everyone[feature] if everyone[feature] > 0 else 1.0

    buys = means["order_count"] >= MIN_ORDERS_OF_BUYERS
    is_away = times("recency_days") > 1.5
    noun = _buyers(means, times) if buys else _visitors(means, times)
    if is_away and (not buys or times("order_count_90d") < 0.4):
        return f"Lapsed {noun}"
    if times("tenure_days") < 0.5:
        return f"New {noun}"
    if times("recency_days") < 0.4 and noun == "regular buyers":
        return f"Active {noun}"
    return noun.capitalize()


def _buyers(means: Means, times: Callable[[str], float]) -> str:
    # People who order more also return more, so returns are compared per order.
    returned_per_order = times("return_count_90d") / max(times("order_count_90d"), 0.1)
    is_frequent = times("order_count") > 1.75
    if means["return_count_90d"] >= 0.3 and returned_per_order > 1.75:
        return (
            "big spenders who send back" if times("spend_cents") > 1.75 else "buyers who send back"
        )
    if times("spend_cents") > 1.75:
        return "frequent big spenders" if is_frequent else "big spenders"
    if is_frequent:
        return "frequent buyers"
    if means["order_count"] <= MAX_ORDERS_OF_ONE_TIME_BUYERS:
        return "one-time buyers" if means["order_count"] >= 0.8 else "occasional buyers"
    return "regular buyers"


def _visitors(means: Means, times: Callable[[str], float]) -> str:
    if means["add_to_cart_count_30d"] >= 1.0 and times("add_to_cart_count_30d") > 1.5:
        return "cart fillers"
    if times("email_open_count_30d") > 1.5 and times("product_view_count_30d") < 1.0:
        return "e-mail readers"
    if means["product_view_count_30d"] >= 1.0 or times("product_view_count_30d") > 0.5:
        return "window shoppers" if means["product_view_count_30d"] > 0 else "visitors"
    return "visitors"


def _endings(segments: Sequence[Centroid], everyone: Means) -> list[str]:
    """Endings that make the names of several segments with the same name unique.

    They come from the feature in which the segments differ most: words for two segments, numbers
    for more. If no feature differs, they are the sizes; if the sizes are equal too, letters.
    """

    def spread(feature: str) -> float:
        values = [c.means[feature] for c in segments]
        return (max(values) - min(values)) / everyone[feature] if everyone[feature] > 0 else 0.0

    feature = max(_MORE_AND_LESS, key=spread)
    values = [c.means[feature] for c in segments]
    if len(segments) == 2 and spread(feature) > 0.0:
        more, less = _MORE_AND_LESS[feature]
        return [more if value == max(values) else less for value in values]
    fact = FACTS[feature]
    candidates = (
        [fact.words.format(fact.number(value)) for value in values],
        [f"{c.size:,} people" for c in segments],
    )
    for endings in candidates:
        if len(set(endings)) == len(endings):
            return endings
    return [f"group {chr(ord('A') + i)}" for i in range(len(segments))]


def _text(centroid: Centroid, everyone: Means) -> str:
    """The features that deviate most from the mean of all people, with both means."""
    facts: list[str] = []
    families: set[str] = set()
    furthest = sorted(centroid.deviations.items(), key=lambda item: (-abs(item[1]), item[0]))
    for feature, _ in furthest:
        fact = FACTS[feature]
        own, usual = fact.number(centroid.means[feature]), fact.number(everyone[feature])
        if own != usual and fact.family not in families:
            families.add(fact.family)
            facts.append(f"{fact.words.format(own)} (everyone: {usual})")
    if not facts:
        return "They behave like everyone."
    *first, last = facts[:FACTS_ON_A_CARD]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"On average {listed}."
