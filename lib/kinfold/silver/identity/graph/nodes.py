"""Nodes of the identity graph: identifier values, and records as a kind of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.settings.models import IdentityConf, NamespaceConf

RECORD = "record"
"""Namespace of records: a record holds its identifiers together, and goes with its links."""
RECORD_TRUST = 1.0


def node_id(namespace: Column, value: Column) -> Column:
    """The node of an identifier: xxHash64 of the parts as JSON, so that they never run together.

    Of 100 million values two share a hash with a probability of 0.0003; the key of
    silver.identifiers then fails its gate, and nobody is merged.
    """
    return F.xxhash64(F.to_json(F.array(namespace, value)))


def record_node(source: Column, record_id: Column) -> Column:
    """The identifier that stands for a record itself."""
    return F.struct(
        F.lit(RECORD).alias("namespace"), F.to_json(F.array(source, record_id)).alias("value")
    )


def with_record_node(records: DataFrame) -> DataFrame:
    """Records whose identifiers name the record itself too."""
    itself = F.array(record_node(F.col("source"), F.col("record_id")))
    return records.withColumn("identifiers", F.concat("identifiers", itself))


def profile_id(person_key: Column) -> Column:
    """A person's id by their key: 32 hex digits. Unkeyed, so a stable name and no pseudonym."""
    return F.md5(person_key.cast("string"))


@dataclass(frozen=True)
class Namespaces:
    """Kinds of identifiers by strength.

    Attributes:
        names: the strongest first; records before all. Kinds that are not among them come last.
    """

    names: tuple[str, ...]
    conf: dict[str, NamespaceConf]

    @classmethod
    def of(cls, conf: IdentityConf) -> "Namespaces":
        return cls((RECORD, *conf.namespaces), dict(conf.namespaces))

    def code(self, namespace: Column) -> Column:
        """Place in `names`; that of other kinds is their number."""
        known = F.array(*(F.lit(name) for name in self.names))
        place = F.array_position(known, namespace).cast("int") - 1
        return F.when(place >= 0, place).otherwise(len(self.names))

    def trust(self, namespace: Column) -> Column:
        """How much a link to such an identifier is believed."""
        trust = F.lit(NamespaceConf().trust)
        for name, conf in reversed(self.conf.items()):
            trust = F.when(namespace == name, F.lit(conf.trust)).otherwise(trust)
        return F.when(namespace == RECORD, F.lit(RECORD_TRUST)).otherwise(trust)

    def ranked(self, identifiers: Column, *, without: Sequence[int] = ()) -> Column:
        """Identifiers, the strongest first.

        Args:
            without: nodes that are left out.
        """
        rank = F.transform(
            identifiers,
            lambda one: F.struct(
                self.code(one["namespace"]).alias("rank"),
                one["namespace"].alias("namespace"),
                one["value"].alias("value"),
            ),
        )
        if without:
            rank = F.filter(
                rank, lambda one: ~node_id(one["namespace"], one["value"]).isin(*without)
            )
        return F.array_sort(rank)

    @property
    def limits(self) -> dict[int, int]:
        """How many a person may have, by code."""
        return {
            code: conf.per_person
            for code, name in enumerate(self.names)
            if (conf := self.conf.get(name)) and conf.per_person
        }

    @property
    def shared_by(self) -> dict[tuple[int, int], int]:
        """With how many of another kind a value may be seen, by both codes."""
        places = {name: code for code, name in enumerate(self.names)}
        return {
            (places[name], places[other]): most
            for name, conf in self.conf.items()
            for other, most in conf.shared_by.items()
            if other in places
        }
