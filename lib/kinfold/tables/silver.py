"""Silver: typed events, identifiers and one profile per person."""

from pyspark.sql import types as T

from kinfold.tables.bronze import PARTIES
from kinfold.tables.spec import Field, Privacy, Table, at_least, matches, one_of, ordered

IDENTIFIER = T.StructType(
    [
        T.StructField("namespace", T.StringType()),
        T.StructField("value", T.StringType()),
    ]
)
"""One normalised identifier: kind (`email`, `phone`, `cookie_id`, ...) and value."""

CONSENT_DECISIONS = ("granted", "withdrawn")

EVENTS = Table(
    name="silver.events",
    comment=(
        "One row per event: typed, cleansed, identifiers normalised. Of records with the same "
        "event_id the first to land is kept; later ones are duplicates and only counted."
    ),
    fields=(
        Field("event_id", T.StringType(), "The sender's id of the event.", nullable=False),
        Field("event_type", T.StringType(), "Type: page_view, purchase, ...", nullable=False),
        Field("source", T.StringType(), "Name of the source it came from.", nullable=False),
        Field("occurred_at", T.TimestampType(), "When it happened (UTC).", nullable=False),
        Field(
            "received_at",
            T.TimestampType(),
            "When it could first be known (UTC): the collector's time, else `occurred_at`.",
            nullable=False,
        ),
        Field(
            "is_late",
            T.BooleanType(),
            "Whether it came more than `events.late_after_hours` after it happened, by the "
            "collector's time or else the broker's; null where neither is known. Late events "
            "count like others.",
        ),
        Field(
            "identifiers",
            T.ArrayType(IDENTIFIER),
            "Usable identifiers, normalised, ordered by namespace and value; placeholders and "
            "unreadable values are left out. Empty for an anonymous event.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field("order_id", T.StringType(), "Order of a purchase or return."),
        Field("product_id", T.StringType(), "Product seen, added, bought or returned."),
        Field("category", T.StringType(), "Category of the product, trimmed, lower case."),
        Field("quantity", T.LongType(), "Pieces; null if not said."),
        Field(
            "amount_cents",
            T.LongType(),
            "Money of a purchase or return in cents of `currency`, never negative.",
        ),
        Field("currency", T.StringType(), "ISO 4217 code of `amount_cents`."),
        Field("consent_purpose", T.StringType(), "Purpose of a consent event."),
        Field("consent_decision", T.StringType(), "`granted` or `withdrawn`, of a consent event."),
        Field(
            "properties",
            T.StringType(),
            "All properties as sent, a JSON object.",
            privacy=Privacy.IDENTIFIER,
        ),
        Field("source_partition", T.StringType(), "Lineage: bronze.events.", nullable=False),
        Field("source_offset", T.LongType(), "Lineage: bronze.events.", nullable=False),
        Field("record_index", T.IntegerType(), "Lineage: bronze.events.", nullable=False),
        Field(
            "bronze_version",
            T.LongType(),
            "Lineage: version of bronze.events that brought the record.",
            nullable=False,
        ),
    ),
    key=("event_id",),
    written_by="silver/clean_events.py",
    cluster_by=("occurred_at",),
    subject=("identifiers",),
    expectations=(
        at_least("amount_cents", 0),
        at_least("quantity", 0),
        one_of("consent_decision", *CONSENT_DECISIONS),
        matches("currency", "^[A-Z]{3}$", "an ISO 4217 code"),
    ),
)

RECORDS = Table(
    name="silver.records",
    comment=(
        "One row per record of a batch source that holds today, identifiers normalised. Records "
        "that are gone, and those whose time to live has passed, are not here."
    ),
    fields=(
        Field("source", T.StringType(), "Name of the source it came from.", nullable=False),
        Field("record_id", T.StringType(), "The source's id.", False, Privacy.IDENTIFIER),
        Field(
            "identifiers",
            T.ArrayType(IDENTIFIER),
            "Usable identifiers, as in silver.events; empty when none is.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "traits",
            T.MapType(T.StringType(), T.StringType()),
            "Traits that have a value, by name.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field("party", T.StringType(), "Whose data: `first`, `second` or `third`.", nullable=False),
        Field("agreement", T.StringType(), "Reference of the contract it came under."),
        Field(
            "purposes",
            T.ArrayType(T.StringType()),
            "What it may be used for; empty, of the first party only: not limited here.",
            nullable=False,
        ),
        Field("changed_at", T.TimestampType(), "When the record changed (UTC).", nullable=False),
        Field("expires_at", T.TimestampType(), "When it leaves (UTC); null = never."),
        Field("content_hash", T.StringType(), "Lineage: bronze.records.", nullable=False),
        Field("batch_id", T.LongType(), "Lineage: bronze.records.", nullable=False),
    ),
    key=("source", "record_id"),
    written_by="silver/clean_records.py",
    subject=("source", "record_id", "identifiers"),
    expectations=(one_of("party", *PARTIES), ordered("changed_at", "expires_at")),
)

NODE = "64-bit hash (xxHash) of namespace and value."

IDENTIFIERS = Table(
    name="silver.identifiers",
    comment=(
        "One row per identifier value seen in any event or record, and one per record: the nodes "
        "of the identity graph."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Kind; `record` for a record.", nullable=False),
        Field("value", T.StringType(), "Normalised value.", False, Privacy.IDENTIFIER),
        Field("first_seen_at", T.TimestampType(), "Earliest event or record with it (UTC).", False),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
    cluster_by=("node_id",),
    uses_deletion_vectors=True,
    subject=("namespace", "value"),
)

LINK_STATUSES = ("active", "blocked", "withdrawn")

IDENTITY_LINKS = Table(
    name="silver.identity_links",
    comment=(
        "One row per edge of the identity graph: why two identifiers may be one person. Those of "
        "an event form a star around its strongest identifier, so n identifiers make n - 1 links."
    ),
    fields=(
        Field("link_id", T.LongType(), "64-bit hash of both ends and the rule.", nullable=False),
        Field("left_node", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("right_node", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("left_namespace", T.StringType(), "Kind of the stronger identifier.", nullable=False),
        Field("left_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field("right_namespace", T.StringType(), "Kind of the other identifier.", nullable=False),
        Field("right_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field(
            "rule",
            T.StringType(),
            "Why: `seen_together` in an event or record; `seen_beside` an identifier that was set "
            "aside; `alias` (two of one kind in one event); `matched` (records alike); `operator`.",
            nullable=False,
        ),
        Field("rule_version", T.StringType(), "Version of the rule, or of the model.", False),
        Field(
            "trust",
            T.DoubleType(),
            "Guards accept links in descending order of it; of `matched` by match probability.",
            nullable=False,
        ),
        Field("weight", T.DoubleType(), "Match weight in bits, of `matched`; else null."),
        Field("source", T.StringType(), "Source of the earliest event or record behind it."),
        Field("source_event_id", T.StringType(), "Its id.", privacy=Privacy.IDENTIFIER),
        Field("first_seen_at", T.TimestampType(), "Earliest event behind it (UTC).", False),
        Field("last_seen_at", T.TimestampType(), "Latest event behind it (UTC).", False),
        Field("valid_from", T.TimestampType(), "When it became known here (UTC).", False),
        Field("valid_to", T.TimestampType(), "When it was withdrawn (UTC); null = not."),
        Field(
            "status",
            T.StringType(),
            "`active`; `blocked` (a guard or a value set aside keeps it from joining people); "
            "`withdrawn` (by an operator, or its record no longer says it).",
            nullable=False,
        ),
        Field("reason", T.StringType(), "Why it is not active; null if it is."),
    ),
    key=("link_id",),
    written_by="silver/resolve_identities.py",
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
        "One row per identifier and time: the person it belonged to from valid_from to valid_to. "
        "Values that were set aside belong to nobody."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Kind of identifier.", nullable=False),
        Field("value", T.StringType(), "Normalised value.", False, Privacy.IDENTIFIER),
        Field("profile_id", T.StringType(), "The person.", False, Privacy.PSEUDONYM),
        Field(
            "person_key",
            T.LongType(),
            "What profile_id is the MD5 of: the node of the person's earliest identifier, or what "
            "a split gave in its place (silver.identity_births).",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field(
            "component_id",
            T.LongType(),
            "Earliest node of all that links hold together, blocked ones included: a change of one "
            "of them can touch people of this component only.",
            nullable=False,
            privacy=Privacy.PSEUDONYM,
        ),
        Field("valid_from", T.TimestampType(), "When it was given to the person (UTC).", False),
        Field("valid_to", T.TimestampType(), "When it left the person (UTC); null = today's."),
    ),
    key=("node_id", "valid_from"),
    written_by="silver/resolve_identities.py",
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
    comment="One row per pair of people between whom identifiers went at one moment.",
    fields=(
        Field("change_id", T.StringType(), "Hash of both people and the moment.", nullable=False),
        Field(
            "kind",
            T.StringType(),
            "`merge`: the first person is now part of the second. `split`: the second is new. "
            "`rename`: the same people under the id of an identifier seen earlier. `move`: only "
            "some identifiers went.",
            nullable=False,
        ),
        Field("from_profile_id", T.StringType(), "The person before.", False, Privacy.PSEUDONYM),
        Field("to_profile_id", T.StringType(), "The person after.", False, Privacy.PSEUDONYM),
        Field("identifier_count", T.LongType(), "Identifiers that went.", nullable=False),
        Field("changed_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("run_id", T.StringType(), "The run that found it.", nullable=False),
    ),
    key=("change_id",),
    written_by="silver/resolve_identities.py",
    subject=("from_profile_id", "to_profile_id"),
    expectations=(one_of("kind", *CHANGE_KINDS), at_least("identifier_count", 1)),
)

IDENTITY_BIRTHS = Table(
    name="silver.identity_births",
    comment=(
        "One row per node that, after a split, founds a person under another key than its own: the "
        "largest part keeps the id of the whole, so the part with the earliest node needs another."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("birth_key", T.LongType(), "The key it founds a person under.", False),
        Field("given_at", T.TimestampType(), "When (UTC).", nullable=False),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
    subject=("node_id",),
)

BAD_VALUES = Table(
    name="silver.bad_values",
    comment=(
        "One row per identifier value that too many share to be anybody's: it links nobody, with "
        "the evidence. An operator may release it; it is then here no more."
    ),
    fields=(
        Field("node_id", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("namespace", T.StringType(), "Kind of identifier.", nullable=False),
        Field("value", T.StringType(), "The value.", False, Privacy.IDENTIFIER),
        Field("evidence", T.StringType(), "Kind of the identifiers that share it.", nullable=False),
        Field("shared_by", T.LongType(), "How many of that kind share it.", nullable=False),
        Field("most", T.LongType(), "How many may, by the settings of then.", nullable=False),
        Field(
            "merges_prevented",
            T.LongType(),
            "People with a link to it, less one: merges that would have been.",
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
        Field("set_aside_at", T.TimestampType(), "When it was found (UTC).", nullable=False),
    ),
    key=("node_id",),
    written_by="silver/resolve_identities.py",
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
            "`link`: both are one person. `unlink`: what was seen of the first until then links "
            "nobody, however late it arrives. `keep_apart`: both are never one person. `release`: "
            "the first is nobody's shared value.",
            nullable=False,
        ),
        Field("left_node", T.LongType(), NODE, False, Privacy.PSEUDONYM),
        Field("left_namespace", T.StringType(), "Kind of the first.", nullable=False),
        Field("left_value", T.StringType(), "Its value.", False, Privacy.IDENTIFIER),
        Field("right_node", T.LongType(), NODE, privacy=Privacy.PSEUDONYM),
        Field("right_namespace", T.StringType(), "Kind of the second; null if there is none."),
        Field("right_value", T.StringType(), "Its value.", privacy=Privacy.IDENTIFIER),
        Field("reason", T.StringType(), "In the operator's words.", False, Privacy.SENSITIVE),
        Field("decided_at", T.TimestampType(), "When (UTC).", nullable=False),
        Field("withdrawn_at", T.TimestampType(), "When it was taken back (UTC); null = it holds."),
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
"""Where a trait's value comes from: an event or a record of a source; and by which rule."""

PROFILES = Table(
    name="silver.profiles",
    comment="One row per person: what is known of them, over all their identifiers.",
    fields=(
        Field("profile_id", T.StringType(), "Stable id of a person.", False, Privacy.PSEUDONYM),
        Field(
            "first_seen_at",
            T.TimestampType(),
            "Their earliest event (UTC); of a person without one the earliest change of a record.",
            nullable=False,
        ),
        Field(
            "last_seen_at",
            T.TimestampType(),
            "Their latest event or change (UTC).",
            nullable=False,
        ),
        Field("event_count", T.LongType(), "Events of any type; 0 = records only.", nullable=False),
        Field("order_count", T.LongType(), "Distinct orders bought.", nullable=False),
        Field("return_count", T.LongType(), "Distinct orders returned, wholly or partly.", False),
        Field(
            "revenue_cents",
            T.LongType(),
            "Purchases less returns, in cents; may be negative. One currency is assumed.",
            nullable=False,
        ),
        Field(
            "top_categories",
            T.ArrayType(T.StringType()),
            "Up to three categories by number of events, ties by name.",
            nullable=False,
        ),
        Field(
            "emails",
            T.ArrayType(T.StringType()),
            "Every e-mail, normalised, sorted.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "phones",
            T.ArrayType(T.StringType()),
            "Every phone number in E.164, sorted.",
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
            "`profiles.survivorship`; unless they say else first party before second before "
            "third, then the latest. Empty values are ignored.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "trait_sources",
            T.MapType(T.StringType(), TRAIT_SOURCE),
            "Provenance of each trait's value: its source, the event or record that says so, when "
            "that occurred or changed (UTC), and the rule that chose it.",
            nullable=False,
            privacy=Privacy.IDENTIFIER,
        ),
        Field(
            "consent",
            T.MapType(T.StringType(), T.StringType()),
            "Latest decision per purpose; a purpose never asked about is absent, not denied.",
            nullable=False,
            privacy=Privacy.SENSITIVE,
        ),
    ),
    key=("profile_id",),
    written_by="silver/build_profiles.py",
    cluster_by=("profile_id",),
    subject=("profile_id",),
    expectations=(
        at_least("event_count", 0),
        at_least("order_count", 0),
        at_least("return_count", 0),
        ordered("first_seen_at", "last_seen_at"),
    ),
)
