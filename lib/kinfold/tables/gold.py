"""Gold: features, segments and scores."""

from pyspark.sql import types as T

from kinfold.tables.spec import Field, Privacy, Table, at_least, between, matches


def _count(name: str, comment: str) -> Field:
    return Field(name, T.LongType(), comment, nullable=False)


def _number(name: str, comment: str) -> Field:
    return Field(name, T.DoubleType(), comment, nullable=False)


FEATURES = Table(
    name="gold.features",
    comment=(
        "One row per person and moment: behaviour known at `as_of`. Only events that had both "
        "happened and arrived by then count; people without such events have no row."
    ),
    fields=(
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field("as_of", T.TimestampType(), "The moment (UTC); only events before it count.", False),
        _number("tenure_days", "Days since the first event."),
        _number("recency_days", "Days since the latest event."),
        Field(
            "days_since_purchase",
            T.DoubleType(),
            "Days since the latest purchase of a known date; null for people without one.",
        ),
        _count("event_count_7d", "Events in the last 7 days."),
        _count("event_count_30d", "Events in the last 30 days."),
        _count("event_count_90d", "Events in the last 90 days."),
        _count("active_day_count_30d", "Days with an event in the last 30 days."),
        _count("active_day_count_90d", "Days with an event in the last 90 days."),
        _count("product_view_count_7d", "Product views in the last 7 days."),
        _count("product_view_count_30d", "Product views in the last 30 days."),
        _count("add_to_cart_count_7d", "Products added to the cart in the last 7 days."),
        _count("add_to_cart_count_30d", "Products added to the cart in the last 30 days."),
        _count("email_open_count_30d", "E-mails opened in the last 30 days."),
        _count(
            "category_count_90d",
            "Distinct categories seen or bought in the last 90 days; an order counts with each of "
            "its lines.",
        ),
        _count("order_count_30d", "Orders in the last 30 days, without cancelled ones."),
        _count("order_count_90d", "Orders in the last 90 days, without cancelled ones."),
        _count("order_count", "Orders ever, without cancelled ones."),
        _count("return_count_90d", "Orders refunded, also in part, in the last 90 days."),
        _count(
            "spend_cents_30d",
            "What is left of the orders of the last 30 days after refunds, in minor units of the "
            "reporting currency (`reporting_currency` of silver.orders).",
        ),
        _count("spend_cents_90d", "The same of the last 90 days."),
        _count("spend_cents", "The same of all orders."),
        _number("average_order_cents", "Spend per order; 0 for people who never bought."),
    ),
    key=("profile_id", "as_of"),
    written_by="gold/build_features.py",
    is_derived=True,
    cluster_by=("as_of",),
    subject=("profile_id",),
    expectations=(
        at_least("tenure_days", 0),
        at_least("recency_days", 0),
        at_least("days_since_purchase", 0),
        at_least("spend_cents", 0),
        matches("profile_id", "^[0-9a-f]{32}$", "32 hex digits"),
    ),
)

SEGMENTS = Table(
    name="gold.segments",
    comment="One row per segment of a model version: its name, card and centroid.",
    fields=(
        Field("model_version", T.LongType(), "Registered version of the segment model.", False),
        Field("segment_id", T.LongType(), "Cluster number within the version.", nullable=False),
        Field(
            "name", T.StringType(), "Name derived from the centroid; unique in a version.", False
        ),
        Field(
            "card", T.StringType(), "What distinguishes its people, in a sentence.", nullable=False
        ),
        Field("trained_size", T.LongType(), "Number of people in it at training.", nullable=False),
        Field(
            "centroid",
            T.MapType(T.StringType(), T.DoubleType()),
            "Mean of each clustering feature, in the feature's unit.",
            nullable=False,
        ),
    ),
    key=("model_version", "segment_id"),
    written_by="gold/train_segments.py",
    expectations=(at_least("trained_size", 1),),
)

SEGMENT_MEMBERS = Table(
    name="gold.segment_members",
    comment="One row per person: their segment.",
    fields=(
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field("model_version", T.LongType(), "Version of the segment model.", nullable=False),
        Field("segment_id", T.LongType(), "The person's segment.", nullable=False),
        Field("as_of", T.TimestampType(), "Moment of the features used (UTC).", False),
        Field(
            "since",
            T.TimestampType(),
            "`as_of` of the first run of the current uninterrupted membership (UTC).",
            nullable=False,
        ),
    ),
    key=("profile_id",),
    written_by="gold/assign_segments.py",
    subject=("profile_id",),
    expectations=(at_least("segment_id", 0),),
)

PROPENSITY_SCORES = Table(
    name="gold.propensity_scores",
    comment="One row per person, model and moment: the probability that the person acts.",
    fields=(
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field("model", T.StringType(), "Registered model name.", nullable=False),
        Field("as_of", T.TimestampType(), "Moment of the features (UTC).", nullable=False),
        Field("model_version", T.LongType(), "Registered version of the model.", nullable=False),
        Field(
            "probability",
            T.DoubleType(),
            "Probability of the act within the horizon, in [0, 1].",
            False,
        ),
        Field(
            "decile",
            T.LongType(),
            "1 = the tenth of the people of `as_of` with the highest probability.",
            False,
        ),
    ),
    key=("profile_id", "model", "as_of"),
    written_by="gold/score_propensity.py",
    cluster_by=("as_of",),
    subject=("profile_id",),
    expectations=(between("probability", 0, 1), between("decile", 1, 10)),
)
