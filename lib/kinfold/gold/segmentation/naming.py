"""Names and descriptions of segments, derived from how their centroids differ from the mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kinfold.core.wording import counted, money_text
from kinfold.gold.segmentation.clustering import Centroid

Means = Mapping[str, float]

MIN_ORDERS_OF_BUYERS = 0.2  # a segment with fewer orders per person does not buy
MAX_ORDERS_OF_ONE_TIME_BUYERS = 1.5  # per person
MIN_ORDERS_OF_FREQUENT = 2.0  # per person
MIN_RETURNS_OF_RETURNERS = 0.3  # per person, in 90 days
FACTS_ON_A_CARD = 3


@dataclass(frozen=True)
class Fact:
    """How a card describes one feature. A card has at most one feature of each family.

    Attributes:
        words: the feature of the people of a segment: `3 orders ever`.
        number: the same feature of everyone, without the words: `3`.
    """

    family: str
    words: Callable[[float], str]
    number: Callable[[float], str]


def _count(family: str, one: str, many: str) -> Fact:
    def words(value: float) -> str:
        return counted(round(value), one, many) if round(value) else f"no {many}"

    return Fact(family, words, lambda value: f"{value:,.0f}" if round(value) else "none")


def _days(family: str, since: str) -> Fact:
    def number(value: float) -> str:
        return f"{value:,.0f}" if value >= 1 else "less than 1"

    return Fact(
        family,
        lambda value: f"{number(value)} {'days' if value >= 1.5 else 'day'} since {since}",
        number,
    )


def _money(family: str, words: str, currency: str | None) -> Fact:
    def number(cents: float) -> str:
        return money_text(cents, currency) if round(cents) else "nothing"

    return Fact(family, lambda cents: f"{number(cents)} {words}", number)


def _facts(currency: str | None) -> Mapping[str, Fact]:
    """The fact of each feature; amounts are in this currency."""
    return {
        "recency_days": _days("recency", "the latest event"),
        "active_day_count_90d": _count(
            "activity", "active day in the last 90", "active days in the last 90"
        ),
        "product_view_count_30d": _count(
            "views", "product view in the last 30 days", "product views in the last 30 days"
        ),
        "add_to_cart_count_30d": _count(
            "carts", "product put into the cart in 30 days", "products put into the cart in 30 days"
        ),
        "email_open_count_30d": _count(
            "e-mail", "e-mail opened in the last 30 days", "e-mails opened in the last 30 days"
        ),
        "order_count_90d": _count(
            "orders", "order in the last 90 days", "orders in the last 90 days"
        ),
        "order_count": _count("orders", "order ever", "orders ever"),
        "spend_cents": _money("spend", "spent ever", currency),
        "return_count_90d": _count(
            "returns", "order returned in the last 90 days", "orders returned in the last 90 days"
        ),
        "tenure_days": _days("tenure", "the first event"),
        "average_order_cents": _money("order value", "per order", currency),
    }


# What a name claims is on the card, if the median shows it: the feature of each word of a name.
_CLAIMS: Mapping[str, str] = {
    "spenders": "spend_cents",
    "send back": "return_count_90d",
    "frequent": "order_count",
    "one-time": "order_count",
    "lapsed": "recency_days",
    "new ": "tenure_days",
    "cart": "add_to_cart_count_30d",
    "e-mail": "email_open_count_30d",
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


def segment_cards(
    centroids: Sequence[Centroid], *, medians: Means, currency: str | None = None
) -> tuple[Card, ...]:
    """One card per centroid, in the same order. Names are unique and do not contain the id.

    A name comes from means, because most people have none of many things. A text has medians: they
    never contradict each other, as means do (0.30 spent by people with 0.0 orders).

    Args:
        medians: median of each feature over all people.
        currency: of the amounts; null = unknown.
    """
    everyone, facts = overall_means(centroids), _facts(currency)
    buyers = overall_means([c for c in centroids if _buys(c.means)] or centroids)
    plain = [_plain_name(centroid.means, everyone, buyers) for centroid in centroids]
    names = list(plain)
    for name in sorted({n for n in plain if plain.count(n) > 1}):
        same = [i for i, n in enumerate(plain) if n == name]
        endings = _endings([centroids[i] for i in same], everyone, facts)
        for i, ending in zip(same, endings, strict=True):
            names[i] = f"{name}, {ending}"
    return tuple(
        Card(c.segment_id, name, _text(name, c, medians, facts))
        for c, name in zip(centroids, names, strict=True)
    )


def overall_means(centroids: Sequence[Centroid]) -> dict[str, float]:
    """Mean of each feature over all people, not over segments."""
    people = sum(centroid.size for centroid in centroids)
    return {
        feature: sum(c.size * c.means[feature] for c in centroids) / people
        for feature in centroids[0].means
    }


def _buys(means: Means) -> bool:
    return means["order_count"] >= MIN_ORDERS_OF_BUYERS


def _ratio_to(means: Means, others: Means) -> Callable[[str], float]:
    """How many times the mean of other people a feature is; 1 if theirs is 0."""
    return lambda feature: means[feature] / others[feature] if others[feature] > 0 else 1.0


def _plain_name(means: Means, everyone: Means, buyers: Means) -> str:
    """The name of a segment.

    Args:
        buyers: means of all people in segments that buy. Who spends much is a question among them:
            where most people only look, every buyer spends more than the average person.
    """
    times = _ratio_to(means, everyone)
    buys, is_away = _buys(means), times("recency_days") > 1.5
    noun = _buyers(means, _ratio_to(means, buyers)) if buys else _visitors(means, times)
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
    is_frequent = times("order_count") > 1.75 and means["order_count"] >= MIN_ORDERS_OF_FREQUENT
    is_big = times("spend_cents") > 1.75
    if means["return_count_90d"] >= MIN_RETURNS_OF_RETURNERS and returned_per_order > 1.75:
        return "big spenders who send back" if is_big else "buyers who send back"
    if is_big:
        return "frequent big spenders" if is_frequent else "big spenders"
    if is_frequent:
        return "frequent buyers"
    if means["order_count"] <= MAX_ORDERS_OF_ONE_TIME_BUYERS:
        return "one-time buyers" if means["order_count"] >= 0.8 else "occasional buyers"
    return "regular buyers"


def _visitors(means: Means, times: Callable[[str], float]) -> str:
    if means["return_count_90d"] >= MIN_RETURNS_OF_RETURNERS:
        return "people who only send back"  # their orders are older than the data
    if means["add_to_cart_count_30d"] >= 1.0 and times("add_to_cart_count_30d") > 1.5:
        return "cart fillers"
    if times("email_open_count_30d") > 1.5 and times("product_view_count_30d") < 1.0:
        return "e-mail readers"
    if means["product_view_count_30d"] >= 1.0 or times("product_view_count_30d") > 0.5:
        return "window shoppers" if means["product_view_count_30d"] > 0 else "visitors"
    return "visitors"


def _endings(segments: Sequence[Centroid], everyone: Means, facts: Mapping[str, Fact]) -> list[str]:
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
    candidates = (
        [facts[feature].words(c.medians[feature]) for c in segments],
        [f"{c.size:,} people" for c in segments],
    )
    for endings in candidates:
        if len(set(endings)) == len(endings):
            return endings
    return [f"group {chr(ord('A') + i)}" for i in range(len(segments))]


def _text(name: str, centroid: Centroid, medians: Means, facts: Mapping[str, Fact]) -> str:
    """What the name claims, then the features that deviate most, with the medians of the segment
    and of all people."""
    sentences: list[str] = []
    families: set[str] = set()
    claimed = [feature for word, feature in _CLAIMS.items() if word in name.lower()]
    furthest = sorted(centroid.deviations.items(), key=lambda item: (-abs(item[1]), item[0]))
    for feature in dict.fromkeys([*claimed, *(feature for feature, _ in furthest)]):
        fact = facts[feature]
        own, usual = centroid.medians[feature], medians[feature]
        if fact.number(own) != fact.number(usual) and fact.family not in families:
            families.add(fact.family)
            sentences.append(f"{fact.words(own)} (everyone: {fact.number(usual)})")
    if not sentences:
        return "Typically like everyone."
    *first, last = sentences[:FACTS_ON_A_CARD]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"Typically {listed}."
