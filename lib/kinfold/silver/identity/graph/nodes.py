"""Nodes of the identity graph: identifier values, and records as a namespace of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.settings.models import IdentityConf, NamespaceConf
from kinfold.runtime.keyed_hash import KeyedHash

RECORD = "record"
"""Namespace of records. A record is a node: it connects its identifiers, and when it is deleted its
links are deleted too."""
RECORD_TRUST = 1.0


def node_id(namespace: Column, value: Column, keyed: KeyedHash) -> Column:
    """The node of an identifier: the first 64 bits of the keyed hash of [namespace, value].

    JSON keeps the two parts apart. Among 100 million values two share a hash with a probability of
    0.0003; the quality gate then rejects the duplicate key of silver.identifiers, so the two values
    are never merged.

    Args:
        keyed: the keyed hash of the lake, so that only who has the key can compute the node of a
            known e-mail.
    """
    digits = F.substring(keyed.column(F.to_json(F.array(namespace, value))), 1, 16)
    return F.conv(digits, 16, -10).cast("bigint")


def comparison_hash(namespace: Column, value: Column) -> Column:
    """A hash of an identifier for comparisons within a run: faster than its node, and without key,
    so never stored."""
    return F.xxhash64(F.to_json(F.array(namespace, value)))


def record_node(source: Column, record_id: Column) -> Column:
    """The identifier that stands for the record itself."""
    return F.struct(
        F.lit(RECORD).alias("namespace"), F.to_json(F.array(source, record_id)).alias("value")
    )


def with_record_node(records: DataFrame) -> DataFrame:
    """Records whose `identifiers` include the record itself."""
    itself = F.array(record_node(F.col("source"), F.col("record_id")))
    return records.withColumn("identifiers", F.concat("identifiers", itself))


def profile_id(person_key: Column) -> Column:
    """The profile id of a person key: its MD5, 32 hex digits. A person key is the node of an
    identifier, which nobody without the lake's key can compute."""
    return F.md5(person_key.cast("string"))


@dataclass(frozen=True)
class Namespaces:
    """The namespaces of identifiers, ordered by strength.

    Attributes:
        names: the strongest first; records come before all others. Namespaces that are not listed
            come last.
        conf: the settings of each namespace, by name.
    """

    names: tuple[str, ...]
    conf: dict[str, NamespaceConf]

    @classmethod
    def of(cls, conf: IdentityConf) -> "Namespaces":
        return cls((RECORD, *conf.namespaces), dict(conf.namespaces))

    def code(self, namespace: Column) -> Column:
        """The index of a namespace in `names`; `len(names)` if it is not listed."""
        known = F.array(*(F.lit(name) for name in self.names))
        index = F.array_position(known, namespace).cast("int") - 1
        return F.when(index >= 0, index).otherwise(len(self.names))

    def trust(self, namespace: Column) -> Column:
        """The trust of links to identifiers of a namespace, as the settings define it."""
        trust = F.lit(NamespaceConf().trust)
        for name, conf in reversed(self.conf.items()):
            trust = F.when(namespace == name, F.lit(conf.trust)).otherwise(trust)
        return F.when(namespace == RECORD, F.lit(RECORD_TRUST)).otherwise(trust)

    def ranked(
        self,
        identifiers: Column,
        *,
        without: Sequence[int] = (),
        previous_account: Column | None = None,
    ) -> Column:
        """An array of identifiers sorted by strength, the strongest first.

        Args:
            without: `comparison_hash` of the identifiers to leave out.
            previous_account: the value that comes last in its namespace; null = none.
        """
        last = F.lit(None).cast("string") if previous_account is None else previous_account
        rank = F.transform(
            identifiers,
            lambda one: F.struct(
                self.code(one["namespace"]).alias("rank"),
                one["value"].eqNullSafe(last).alias("is_previous"),
                one["namespace"].alias("namespace"),
                one["value"].alias("value"),
            ),
        )
        if without:
            rank = F.filter(
                rank, lambda one: ~comparison_hash(one["namespace"], one["value"]).isin(*without)
            )
        return F.array_sort(rank)

    @property
    def limits(self) -> dict[int, int]:
        """The maximum number of identifiers per person, by namespace code."""
        return {
            code: conf.per_person
            for code, name in enumerate(self.names)
            if (conf := self.conf.get(name)) and conf.per_person
        }

    @property
    def reassigned_after(self) -> dict[int, int]:
        """By the code of values that can pass to another person, after how many days."""
        return {
            code: conf.reassigned_after_days
            for code, name in enumerate(self.names)
            if (conf := self.conf.get(name)) and conf.reassigned_after_days
        }

    @property
    def shared_by(self) -> dict[tuple[int, int], int]:
        """How many identifiers of another namespace a value may be seen with, by both codes."""
        codes = {name: code for code, name in enumerate(self.names)}
        return {
            (codes[name], codes[other]): most
            for name, conf in self.conf.items()
            for other, most in conf.shared_by.items()
            if other in codes
        }
