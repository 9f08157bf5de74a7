"""Silver: typed events, records, identifiers, the identity graph, and one profile per person."""

from pyspark.sql import types as T

from kinfold.tables.bronze import PARTIES
from kinfold.tables.spec import (
    Field,
    Privacy,
    Table,
    at_least,
    matches,
    one_of,
    ordered,
    sent_with,
)

IDENTIFIER = T.StructType(
    [
        T.StructField("namespace", T.StringType()),
        T.StructField("value", T.StringType()),
    ]
)
"""One normalised identifier: namespace (`email`, `phone`, `cookie_id`, ...) and value."""

DROPPED_IDENTIFIER = T.StructType(
    [
        T.StructField("namespace", T.StringType()),
        T.StructField("reason", T.StringType()),
    ]
)
"""An identifier that was sent but identifies nobody: its namespace and why."""

_DROPPED_IDENTIFIERS = Field(
    "dropped_identifiers",
    T.ArrayType(DROPPED_IDENTIFIER),
    "Namespace and reason of each identifier that was sent but cannot identify anyone: "
    "`placeholder`; `not_an_email`; `not_a_phone` (with a country code); `not_a_phone_of_region` "
    "(without one, not valid in `identity.phone_region`). Null if there are none.",
)

ORDER_LINE = T.StructType(
    [
        T.StructField("product_id", T.StringType()),
        T.StructField("category", T.StringType()),
        T.StructField("quantity", T.LongType()),
        T.StructField("price_cents", T.LongType()),
    ]
)
"""One line of an order. Null: not known, so a quantity of 1."""

CONSENT_DECISIONS = ("granted", "withdrawn")

EVENTS = Table(
    name="silver.events",
    comment=(
        "One row per event: typed and cleansed, with normalised identifiers. Of several records "
        "with one event_id the first valid one that landed is kept, whenever the others arrive; "
        "these are duplicates and are only counted."
    ),
    fields=(
        Field(
            "event_id",
            T.StringType(),
            "The sender's id of the event; `<source>:<id>` for the sources in "
            "`events.sources_with_own_ids`. Senders may build it from an identifier.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field("event_type", T.StringType(), "Type: page_view, purchase, ...", nullable=False),
        Field("source", T.StringType(), "Name of the source.", nullable=False),
        Field("occurred_at", T.TimestampType(), "When it happened (UTC).", nullable=False),
        Field(
            "received_at",
            T.TimestampType(),
            "When it was received (UTC): the collector's time, else `occurred_at`, else (if these "
            "lie before `events.earliest`) the time of ingestion.",
            nullable=False,
        ),
        Field(
            "is_before_earliest",
            T.BooleanType(),
            "Whether `occurred_at` lies before `events.earliest`, so that it is a default of its "
            "sender (1970-01-01) and not a date. Such an event counts, but its people were seen "
            "at `received_at`.",
            nullable=False,
        ),
        Field(
            "is_late",
            T.BooleanType(),
            "Whether it was received more than `events.late_after_hours` after it happened, by "
            "the collector's time or else the broker's; null if neither is known. Late events "
            "are used like others.",
        ),
        Field(
            "identifiers",
            T.ArrayType(IDENTIFIER),
            "Usable identifiers, normalised, sorted by namespace and value; without placeholders "
            "and unreadable values. Empty for an anonymous event.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "previous_account",
            T.StringType(),
            "The old account of an alias, normalised: one of the identifiers of the namespace "
            "`user_id`. Null for other events.",
            privacy=Privacy.IDENTIFIER,
        ),
        _DROPPED_IDENTIFIERS,
        Field(
            "order_id",
            T.StringType(),
            "Order of a purchase, return, update or cancellation. This and the next columns are "
            "the properties that the schema of the event describes; free members of the same name "
            "stay in `properties`.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("product_id", T.StringType(), "Product viewed, added, bought or returned."),
        Field("category", T.StringType(), "Category of the product, trimmed, lower case."),
        Field(
            "quantity",
            T.LongType(),
            "Number of pieces, never negative; null if not reported.",
        ),
        Field(
            "amount_cents",
            T.LongType(),
            "Amount of an order or refund in minor units of `currency` (cents, but whole yen), "
            "never negative. Null of a return: what `order_lines` or else the rest of the order is "
            "worth.",
        ),
        Field(
            "currency",
            T.StringType(),
            "ISO 4217 code of `amount_cents` and of prices, upper case; null: that of the order.",
        ),
        Field(
            "order_lines",
            T.ArrayType(ORDER_LINE),
            "Lines of an order as sent: product, category (as above), quantity (null: 1) and price "
            "of one piece in minor units of `currency`. What cannot be read is null. Null if the "
            "event has no lines.",
        ),
        Field("consent_purpose", T.StringType(), "Purpose of a consent event."),
        Field("consent_decision", T.StringType(), "`granted` or `withdrawn`, of a consent event."),
        Field(
            "properties",
            T.StringType(),
            "All properties as a JSON object, literally as sent: numbers keep their spelling.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "invalid_properties",
            T.ArrayType(T.StringType()),
            "Names of described properties whose value does not fit its column, which is null (of "
            "`products`: has null for what cannot be read); null if there are none.",
        ),
        Field("source_partition", T.StringType(), "Lineage: bronze.events.", nullable=False),
        Field("source_offset", T.LongType(), "Lineage: bronze.events.", nullable=False),
        Field("record_index", T.IntegerType(), "Lineage: bronze.events.", nullable=False),
        Field(
            "ingested_at",
            T.TimestampType(),
            "Lineage: when the landing of the record's batch started (UTC).",
            nullable=False,
        ),
    ),
    key=("event_id",),
    written_by="silver/clean_events.py",
    is_derived=True,
    cluster_by=("occurred_at",),
    is_append_only=True,
    subject=("identifiers",),
    expectations=(
        at_least("amount_cents", 0),
        at_least("quantity", 0),
        one_of("consent_decision", *CONSENT_DECISIONS),
        matches("currency", "^[A-Z]{3}$", "an ISO 4217 code"),
        sent_with("amount_cents", where="event_type", equals="purchase"),
        sent_with("consent_purpose", where="event_type", equals="consent"),
        sent_with("consent_decision", where="event_type", equals="consent"),
    ),
)

RECORDS = Table(
    name="silver.records",
    comment=(
        "One row per current record of a batch source, with normalised identifiers. Deleted and "
        "expired records are not in this table."
    ),
    fields=(
        Field("source", T.StringType(), "Name of the source.", nullable=False),
        Field(
            "record_id", T.StringType(), "The source's id of the record.", False, Privacy.IDENTIFIER
        ),
        Field(
            "identifiers",
            T.ArrayType(IDENTIFIER),
            "Usable identifiers, as in silver.events; empty if there are none.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "identifiers_since",
            T.ArrayType(T.TimestampType()),
            "Since when the record has each of `identifiers`, in their order: time of the first "
            "version with it (UTC).",
            nullable=False,
        ),
        _DROPPED_IDENTIFIERS,
        Field(
            "traits",
            T.MapType(T.StringType(), T.StringType()),
            "Traits with a value, by name.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "party",
            T.StringType(),
            "Owner of the data: `first`, `second` or `third` party.",
            nullable=False,
        ),
        Field("agreement", T.StringType(), "Reference of the contract for the data."),
        Field(
            "purposes",
            T.ArrayType(T.StringType()),
            "Permitted purposes; empty = not limited, only for the first party.",
            nullable=False,
        ),
        Field("changed_at", T.TimestampType(), "When the record changed (UTC).", nullable=False),
        Field(
            "is_before_earliest",
            T.BooleanType(),
            "Whether `changed_at` lies before `events.earliest`, so that it is a default of its "
            "source and not a date. Its person was then seen at `ingested_at`.",
            nullable=False,
        ),
        Field("expires_at", T.TimestampType(), "When it expires (UTC); null = never."),
        Field(
            "content_hash",
            T.StringType(),
            "Lineage: bronze.records.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field("batch_id", T.LongType(), "Lineage: bronze.records.", nullable=False),
        Field(
            "ingested_at",
            T.TimestampType(),
            "Lineage: when the landing of its extract started (UTC).",
            nullable=False,
        ),
    ),
    key=("source", "record_id"),
    written_by="silver/clean_records.py",
    is_derived=True,
    subject=("source", "record_id", "identifiers"),
    expectations=(one_of("party", *PARTIES), ordered("changed_at", "expires_at")),
)

NODE = "First 64 bits of the keyed hash (HMAC-SHA-256) of namespace and value."

IDENTIFIERS = Table(
    name="silver.identifiers",
    comment=(
        "One row per identifier value in any event or record, and one per record: the nodes "
        "of the identity graph."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Namespace; `record` for a record.", nullable=False),
        Field("value", T.StringType(), "Normalised value.", False, Privacy.IDENTIFIER),
        Field(
            "first_seen_at",
            T.TimestampType(),
            "Time of the earliest event or record with it (UTC).",
            False,
        ),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
    is_derived=True,
    cluster_by=("node_id",),
    uses_deletion_vectors=True,
    subject=("namespace", "value"),
)

LINK_STATUSES = ("active", "blocked", "withdrawn")

IDENTITY_LINKS = Table(
    name="silver.identity_links",
    comment=(
        "One row per edge of the identity graph: a reason why two identifiers may belong to one "
        "person. The links of an event form a star around its strongest identifier, so n "
        "identifiers make n - 1 links."
    ),
    fields=(
        Field(
            "link_id",
            T.LongType(),
            "64-bit hash of both nodes and the rule.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field("left_node", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("right_node", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field(
            "left_namespace",
            T.StringType(),
            "Namespace of the stronger identifier.",
            nullable=False,
        ),
        Field("left_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field(
            "right_namespace", T.StringType(), "Namespace of the other identifier.", nullable=False
        ),
        Field("right_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field(
            "rule",
            T.StringType(),
            "Reason: `seen_together` in an event or record; `seen_beside` a shared identifier; "
            "`alias` (two of one namespace in one event); `matched` (similar records); "
            "`operator`.",
            nullable=False,
        ),
        Field("rule_version", T.StringType(), "Version of the rule, or of the model.", False),
        Field(
            "trust",
            T.DoubleType(),
            "Guards accept links in descending order of trust; for `matched` from the match "
            "probability.",
            nullable=False,
        ),
        Field("weight", T.DoubleType(), "Match weight in bits, for `matched`; else null."),
        Field("source", T.StringType(), "Source of the earliest event or record with the link."),
        Field(
            "source_event_id",
            T.StringType(),
            "Id of that event or record.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "first_seen_at",
            T.TimestampType(),
            "Time of the earliest event with the link (UTC).",
            False,
        ),
        Field(
            "last_seen_at",
            T.TimestampType(),
            "Time of the latest event with the link (UTC).",
            False,
        ),
        Field("valid_from", T.TimestampType(), "When it was stored here (UTC).", False),
        Field("valid_to", T.TimestampType(), "When it was withdrawn (UTC); null = not withdrawn."),
        Field(
            "status",
            T.StringType(),
            "`active`; `blocked` (a guard or a shared identifier prevents it from joining people, "
            "or its value passed to another person); `withdrawn` (by an operator, or its record no "
            "longer has it).",
            nullable=False,
        ),
        Field("reason", T.StringType(), "Why it is not active; null if it is."),
    ),
    key=("link_id",),
    written_by="silver/resolve_identities.py",
    is_derived=True,
    cluster_by=("link_id",),
    uses_deletion_vectors=True,
    subject=("left_namespace", "left_value", "right_namespace", "right_value"),
    expectations=(
        one_of("rule", "seen_together", "seen_beside", "alias", "matched", "operator"),
        one_of("status", *LINK_STATUSES),
        ordered("first_seen_at", "last_seen_at"),
        ordered("valid_from", "valid_to"),
    ),
)

IDENTITY_MAP = Table(
    name="silver.identity_map",
    comment=(
        "One row per identifier and period: the person it belonged to from valid_from to "
        "valid_to. Shared identifiers are unassigned: they have no row."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Namespace of the identifier.", nullable=False),
        Field("value", T.StringType(), "Normalised value.", False, Privacy.IDENTIFIER),
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field(
            "person_key",
            T.LongType(),
            "profile_id is its MD5: the node of the person's earliest identifier, or the id that a "
            "split assigned instead (silver.identity_births).",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field(
            "component_id",
            T.LongType(),
            "Earliest node of the connected component over all links, also blocked ones. A change "
            "of a node can affect only people of its component.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field("valid_from", T.TimestampType(), "When it was assigned to the person (UTC).", False),
        Field(
            "valid_to",
            T.TimestampType(),
            "When it was removed from the person (UTC); null = current.",
        ),
    ),
    key=("node_id", "valid_from"),
    written_by="silver/resolve_identities.py",
    is_derived=True,
    cluster_by=("node_id",),
    uses_deletion_vectors=True,
    subject=("profile_id",),
    expectations=(
        matches("profile_id", "^[0-9a-f]{32}$", "32 hex digits"),
        ordered("valid_from", "valid_to"),
    ),
)

CHANGE_KINDS = ("merge", "split", "move", "rename")

IDENTITY_CHANGES = Table(
    name="silver.identity_changes",
    comment="One row per moment and pair of people between whom identifiers moved.",
    fields=(
        Field("change_id", T.StringType(), "Hash of both people and the moment.", nullable=False),
        Field(
            "kind",
            T.StringType(),
            "`merge`: the first person is now part of the second. `split`: the second is new. "
            "`rename`: the same identifiers, with the id of an identifier seen earlier. `move`: "
            "only some identifiers moved.",
            nullable=False,
        ),
        Field("from_profile_id", T.StringType(), "The person before.", False, Privacy.PSEUDONYM),
        Field("to_profile_id", T.StringType(), "The person after.", False, Privacy.PSEUDONYM),
        Field(
            "identifier_count", T.LongType(), "Number of identifiers that moved.", nullable=False
        ),
        Field("changed_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("run_id", T.StringType(), "The run that detected it.", nullable=False),
    ),
    key=("change_id",),
    written_by="silver/resolve_identities.py",
    subject=("from_profile_id", "to_profile_id"),
    expectations=(one_of("kind", *CHANGE_KINDS), at_least("identifier_count", 1)),
)

MATCH_MODELS = Table(
    name="silver.match_models",
    comment=(
        "One row per model of fuzzy matching, and only the one in use: with the frequency of "
        "values at the time it was learnt. A rebuild keeps it; see `training.relearn_at` of the "
        "matching settings."
    ),
    fields=(
        Field("model_version", T.StringType(), "Hash of the model.", nullable=False),
        Field(
            "learning_rules",
            T.StringType(),
            "Hash of attributes, training settings and code: with others a model is learnt again.",
            nullable=False,
        ),
        Field("learnt_at", T.TimestampType(), "When it was learnt (UTC).", nullable=False),
        Field(
            "record_count",
            T.LongType(),
            "Number of different records that it was learnt from.",
            nullable=False,
        ),
        Field("model", T.StringType(), "Its parameters as JSON.", nullable=False),
        Field(
            "terms",
            T.ArrayType(T.LongType()),
            "Values that several different records had, each as a keyed 64-bit hash of attribute "
            "and value.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field(
            "term_frequencies",
            T.ArrayType(T.DoubleType()),
            "By value, the share of the known values of its attribute.",
            nullable=False,
        ),
        Field(
            "frequency_of_others",
            T.ArrayType(T.DoubleType()),
            "By attribute, the frequency of any other value.",
            nullable=False,
        ),
        Field(
            "chances_of_equal",
            T.ArrayType(T.DoubleType()),
            "By attribute, the probability that two random known values are equal.",
            nullable=False,
        ),
    ),
    key=("model_version",),
    written_by="silver/resolve_identities.py",
    subject=("terms",),
    expectations=(at_least("record_count", 1),),
)

MATCH_PAIRS = Table(
    name="silver.match_pairs",
    comment=(
        "One row per pair of different records that fuzzy matching has compared: how they agree. "
        "A pair of a record with itself stands for records with equal values."
    ),
    fields=(
        Field(
            "left_record",
            T.LongType(),
            "Keyed 64-bit hash of the normalised values of a record.",
            False,
            Privacy.PSEUDONYM,
        ),
        Field("right_record", T.LongType(), "The same of the other.", False, Privacy.PSEUDONYM),
        Field(
            "pattern",
            T.LongType(),
            "Agreement level of each attribute, as the digits of one number.",
            nullable=False,
        ),
        Field(
            "rarity",
            T.FloatType(),
            "Weight in bits of equal or close values because they are rare.",
            nullable=False,
        ),
        Field("model_version", T.StringType(), "Version of silver.match_models.", nullable=False),
    ),
    key=("left_record", "right_record"),
    written_by="silver/resolve_identities.py",
    is_derived=True,
    cluster_by=("left_record",),
    uses_deletion_vectors=True,
    subject=("left_record", "right_record"),
)

IDENTITY_BIRTHS = Table(
    name="silver.identity_births",
    comment=(
        "One row per id reassignment after a split: the largest part keeps the id of the whole "
        "person, so the part with the earliest node gets another key."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field(
            "birth_key",
            T.LongType(),
            "Key of the person, instead of the node's own.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field("given_at", T.TimestampType(), "When (UTC).", nullable=False),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
    subject=("node_id",),
)

BAD_VALUES = Table(
    name="silver.bad_values",
    comment=(
        "One row per shared identifier: a value that too many others share, so it links nobody; "
        "with the evidence. If an operator releases it, the row is deleted."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Namespace of the identifier.", nullable=False),
        Field("value", T.StringType(), "The value.", False, Privacy.IDENTIFIER),
        Field(
            "evidence",
            T.StringType(),
            "Namespace of the identifiers that share it.",
            nullable=False,
        ),
        Field(
            "shared_by",
            T.LongType(),
            "How many identifiers of that namespace share it (at the same time, if it can pass to "
            "another person).",
            nullable=False,
        ),
        Field("most", T.LongType(), "Maximum by the settings of that time.", nullable=False),
        Field(
            "merges_prevented",
            T.LongType(),
            "Number of people with a link to it, minus one: the merges that it would have caused.",
            nullable=False,
        ),
        Field(
            "people",
            T.ArrayType(T.StringType()),
            "Up to 20 of those people.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field("status", T.StringType(), "`set_aside`.", nullable=False),
        Field("set_aside_at", T.TimestampType(), "When it was detected (UTC).", nullable=False),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
    is_derived=True,
    subject=("namespace", "value"),
    expectations=(one_of("status", "set_aside"),),
)

DECISION_KINDS = ("link", "unlink", "keep_apart", "release")

IDENTITY_DECISIONS = Table(
    name="silver.identity_decisions",
    comment="One row per decision of an operator about identifiers, with the reason.",
    fields=(
        Field("decision_id", T.StringType(), "Id of the decision.", nullable=False),
        Field(
            "kind",
            T.StringType(),
            "`link`: both are one person. `unlink`: links of the first from events until "
            "`decided_at` are inactive, however late they arrive. `keep_apart`: both are never "
            "one person. `release`: the first is not a shared identifier.",
            nullable=False,
        ),
        Field("left_namespace", T.StringType(), "Namespace of the first.", nullable=False),
        Field("left_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field("right_namespace", T.StringType(), "Namespace of the second; null if there is none."),
        Field("right_value", T.StringType(), "Its value.", privacy=Privacy.IDENTIFIER),
        Field(
            "reason", T.StringType(), "Reason, in the operator's words.", False, Privacy.SENSITIVE
        ),
        Field("decided_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("withdrawn_at", T.TimestampType(), "When it was withdrawn (UTC); null = in force."),
    ),
    key=("decision_id",),
    written_by="silver/unlink_identity.py",
    subject=("left_namespace", "left_value", "right_namespace", "right_value"),
    expectations=(
        one_of("kind", *DECISION_KINDS),
        ordered("decided_at", "withdrawn_at"),
    ),
)

TRAIT_SOURCE = T.StructType(
    [
        T.StructField("source", T.StringType()),
        T.StructField("event_id", T.StringType()),
        T.StructField("record_id", T.StringType()),
        T.StructField("changed_at", T.TimestampType()),
        T.StructField("rule", T.StringType()),
    ]
)
"""Origin of a trait's value: an event or a record of a source, and the rule that chose it."""

STATED_LINE = T.StructType(
    [*ORDER_LINE.fields, T.StructField("amount_cents", T.LongType())],
)
"""A line of an order with what all its pieces are worth."""

ORDER_EVENT = T.StructType(
    [
        T.StructField("occurred_at", T.TimestampType()),
        T.StructField("event_id", T.StringType()),
        T.StructField("event_type", T.StringType()),
        T.StructField("received_at", T.TimestampType()),
        T.StructField("is_before_earliest", T.BooleanType()),
        T.StructField("amount_cents", T.LongType()),
        T.StructField("currency", T.StringType()),
        T.StructField("rate", T.DoubleType()),
        T.StructField("is_line", T.BooleanType()),
        T.StructField("lines", T.ArrayType(STATED_LINE)),
    ]
)
"""What an event says about its order: amount and lines; whether it is a purchase of one line only;
and the factor from minor units of its currency to those of the reporting currency."""

ORDER_STATUSES = (
    "completed",
    "partly_refunded",
    "refunded",
    "cancelled",
    "unknown",
    "contested",
)

ORDERS = Table(
    name="silver.orders",
    comment=(
        "One row per order and person: the order as all its events together say, however often "
        "and in whatever order they arrived."
    ),
    fields=(
        Field(
            "order_key",
            T.StringType(),
            "Hash, without a key, of the order id (without one: of the event id) and the person.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "order_id",
            T.StringType(),
            "Order id as sent; null if its only event has none, or a placeholder.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "profile_id",
            T.StringType(),
            "The buyer; without a purchase the person that the events name. Null = nobody.",
            privacy=Privacy.PSEUDONYM,
        ),
        Field(
            "status",
            T.StringType(),
            "`completed`, `partly_refunded`, `refunded`; `cancelled`: worth nothing. `unknown`: no "
            "purchase is known, only updates, refunds or a cancellation. `contested`: the same, "
            "and several people bought an order of this id, so it is unknown whose it is.",
            nullable=False,
        ),
        Field("ordered_at", T.TimestampType(), "When it was bought first (UTC); null = unknown."),
        Field(
            "is_before_earliest",
            T.BooleanType(),
            "Whether `ordered_at` lies before `events.earliest`, so that it is no date.",
        ),
        Field("returned_at", T.TimestampType(), "When it was refunded last (UTC); null = never."),
        Field("currency", T.StringType(), "ISO 4217 code of the amounts; null = unknown."),
        Field(
            "amount_cents",
            T.LongType(),
            "What it was worth before refunds, in minor units of `currency`; null = unknown.",
        ),
        Field("refunded_cents", T.LongType(), "Refunds, at most the amount.", nullable=False),
        Field(
            "revenue_cents",
            T.LongType(),
            "The amount without refunds; 0 if cancelled. Of an unknown order minus its refunds.",
            nullable=False,
        ),
        Field(
            "reporting_currency",
            T.StringType(),
            "`money.currency`, else the currency of most orders of the lake.",
        ),
        Field(
            "reporting_cents",
            T.LongType(),
            "`revenue_cents` in minor units of `reporting_currency`, by the rate of the day of the "
            "order; null without a rate (`money.rates`).",
        ),
        Field(
            "copy_count",
            T.LongType(),
            "Purchases of the whole order beyond the first, and lines that were sent twice.",
            nullable=False,
        ),
        Field(
            "foreign_refund_count",
            T.LongType(),
            "Refunds in another currency than the order's; they are left out.",
            nullable=False,
        ),
        Field("events", T.ArrayType(ORDER_EVENT), "The events, in order of time.", nullable=False),
    ),
    key=("order_key",),
    written_by="silver/build_orders.py",
    is_derived=True,
    cluster_by=("profile_id",),
    subject=("profile_id",),
    expectations=(
        one_of("status", *ORDER_STATUSES),
        at_least("amount_cents", 0),
        at_least("refunded_cents", 0),
        at_least("copy_count", 0),
    ),
)

ORDER_LINES = Table(
    name="silver.order_lines",
    comment="One row per line of an order that is neither cancelled nor unknown, as it is now.",
    fields=(
        Field("order_key", T.StringType(), "The order: silver.orders.", False, Privacy.IDENTIFIER),
        Field("line_number", T.LongType(), "1 for the first line.", nullable=False),
        Field("order_id", T.StringType(), "As in silver.orders.", privacy=Privacy.IDENTIFIER),
        Field("profile_id", T.StringType(), "The buyer.", privacy=Privacy.PSEUDONYM),
        Field("product_id", T.StringType(), "The product."),
        Field("category", T.StringType(), "Its category, trimmed, lower case."),
        Field("quantity", T.LongType(), "Number of pieces; null if not reported."),
        Field("price_cents", T.LongType(), "Price of one piece in minor units of `currency`."),
        Field("amount_cents", T.LongType(), "What all pieces are worth; null = unknown."),
        Field("currency", T.StringType(), "ISO 4217 code of the order."),
        Field("ordered_at", T.TimestampType(), "When the order was bought first (UTC).", False),
    ),
    key=("order_key", "line_number"),
    written_by="silver/build_orders.py",
    is_derived=True,
    cluster_by=("profile_id",),
    subject=("profile_id",),
    expectations=(at_least("line_number", 1), at_least("quantity", 0)),
)

PROFILES = Table(
    name="silver.profiles",
    comment="One row per person: the profile over all their identifiers.",
    fields=(
        Field("profile_id", T.StringType(), "Stable id of a person.", False, Privacy.PSEUDONYM),
        Field(
            "first_seen_at",
            T.TimestampType(),
            "Time of their earliest event (UTC); without events, of the earliest record change.",
            nullable=False,
        ),
        Field(
            "last_seen_at",
            T.TimestampType(),
            "Time of their latest event or record change (UTC).",
            nullable=False,
        ),
        Field(
            "event_count",
            T.LongType(),
            "Number of events of any type; 0 = only records.",
            nullable=False,
        ),
        Field(
            "order_count",
            T.LongType(),
            "Number of distinct orders bought, without cancelled ones.",
            nullable=False,
        ),
        Field(
            "return_count",
            T.LongType(),
            "Number of distinct orders refunded, fully or partly.",
            False,
        ),
        Field(
            "revenue",
            T.MapType(T.StringType(), T.LongType()),
            "Orders minus refunds by currency, in its minor units; may be negative.",
            nullable=False,
        ),
        Field(
            "revenue_cents",
            T.LongType(),
            "Orders minus refunds in minor units of `currency`; may be negative. Orders in another "
            "currency are converted by `money.rates`, or left out without a rate.",
            nullable=False,
        ),
        Field(
            "currency",
            T.StringType(),
            "The reporting currency: `money.currency`, else that of most orders of the lake. Null "
            "for a person without orders.",
        ),
        Field(
            "top_categories",
            T.ArrayType(T.StringType()),
            "Up to three categories with the most events and order lines; ties by name.",
            nullable=False,
        ),
        Field(
            "emails",
            T.ArrayType(T.StringType()),
            "All e-mails, normalised, sorted.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "phones",
            T.ArrayType(T.StringType()),
            "All phone numbers in E.164, sorted.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "identifier_counts",
            T.MapType(T.StringType(), T.LongType()),
            "Number of identifiers by namespace.",
            nullable=False,
        ),
        Field(
            "traits",
            T.MapType(T.StringType(), T.StringType()),
            "Value of each trait from `identify` events and records, by the rules of "
            "`profiles.survivorship`. By default first party before second before third, then "
            "the latest. Empty values are ignored.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "trait_sources",
            T.MapType(T.StringType(), TRAIT_SOURCE),
            "Provenance of each trait's value: source, event or record, when it occurred or "
            "changed (UTC), and the rule that chose it.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "consent",
            T.MapType(T.StringType(), T.StringType()),
            "Latest decision by purpose; a purpose without a decision is absent, not denied.",
            nullable=False,
            privacy=Privacy.SENSITIVE,
        ),
    ),
    key=("profile_id",),
    written_by="silver/build_profiles.py",
    is_derived=True,
    cluster_by=("profile_id",),
    subject=("profile_id",),
    expectations=(
        at_least("event_count", 0),
        at_least("order_count", 0),
        at_least("return_count", 0),
        ordered("first_seen_at", "last_seen_at"),
    ),
)
