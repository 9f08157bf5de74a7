"""Commands of operators: check a decision about identifiers, store it and resolve identities."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Row, functions as F

from kinfold.core.errors import ConfError, LakeError
from kinfold.core.settings.command_line import RunOptions, job_parser
from kinfold.runtime.arrow_frames import distinct_numbers, frame_of
from kinfold.runtime.job import open_lake
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.locks.protocol import Busy
from kinfold.silver.identity.graph.nodes import Namespaces, profile_id
from kinfold.silver.identity.links.observed import links_at
from kinfold.silver.identity.links.operator_decisions import (
    OPERATOR,
    active_decisions,
    decision_row,
    operator_links,
    with_decisions,
    with_nodes,
)
from kinfold.silver.identity.operators.lookup import (
    IDENTIFIER_HELP,
    StoredIdentifier,
    find_identifiers,
)
from kinfold.silver.identity.resolution.assignment import guard_rules, resolved_graph
from kinfold.silver.identity.resolution.history import shared_nodes
from kinfold.silver.identity.resolution.stored_graph import (
    StoredGraph,
    affected_components,
    read_graph,
    restricted,
    stored_graph,
)
from kinfold.tables import ops, silver
from kinfold.tables.collected import collected, first_row

RESOLVER = "silver/resolve_identities"
JOB_OF_KIND = {
    "unlink": "unlink_identity",
    "keep_apart": "unlink_identity",
    "link": "link_identity",
    "release": "release_value",
}
_SHOWN = 20
_ID_CHANGE = ("kind", "from_profile_id", "to_profile_id", "identifier_count")


@dataclass(frozen=True)
class IdChange:
    """Identifiers that move from one person to another: a row of silver.identity_changes."""

    kind: str
    from_profile_id: str
    to_profile_id: str
    identifier_count: int


def command_parser(
    job: str, description: str, *, a: str, b: str | None = None
) -> argparse.ArgumentParser:
    """The command line of a decision.

    Args:
        a, b: help texts of the identifiers; null = there is no second one.
    """
    parser = job_parser(job, f"{description}\n{IDENTIFIER_HELP}")
    parser.add_argument("--a", metavar="IDENTIFIER", help=a)
    if b is not None:
        parser.add_argument("--b", metavar="IDENTIFIER", help=b)
    parser.add_argument("--reason", metavar="TEXT", help="why; stored with the decision")
    parser.add_argument(
        "--undo",
        metavar="DECISION_ID",
        help="undo an earlier decision, instead of --a and --reason; the command that made it "
        "printed its id, and silver.identity_decisions has it",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would change, and write nothing"
    )
    return parser


def check_command(arguments: argparse.Namespace, *, needs: Sequence[str]) -> None:
    """Check that a command line has all the options it needs and no contradicting ones.

    Raises:
        ConfError: with every problem found.
    """
    values = {name: getattr(arguments, name, None) for name in ("a", "b", "reason")}
    if arguments.undo is not None:
        extra = [f"--{name}" for name, value in values.items() if value is not None]
        if extra:
            raise ConfError(
                f"--undo: undoes a whole decision, so it allows no {', '.join(extra)}. Leave out "
                f"{', '.join(extra)}."
            )
        return
    missing = [f"--{name}" for name in (*needs, "reason") if not (values[name] or "").strip()]
    if missing:
        raise ConfError(
            f"{', '.join(missing)}: missing. Pass {', '.join(f'--{n}' for n in needs)} and a "
            "--reason, or --undo with the id of a decision."
        )


def decide(
    options: RunOptions,
    job: str,
    *,
    kind: str,
    resolve: Callable[[Sequence[str]], None],
) -> list[str]:
    """Store a decision, or undo one, then resolve identities.

    If another process is resolving identities now, the decision stays stored: the next run of
    silver/resolve_identities applies it, also if it is the same command again.

    Args:
        kind: the kind of a new decision, as in silver.identity_decisions.
        resolve: `main` of silver/resolve_identities.

    Returns:
        The decision and what it changed, as lines of text.

    Raises:
        ConfError: an identifier or a decision is unknown, or the decision is not possible here.
        LakeError: identities have not been resolved yet, or another process writes to the lake.
    """
    arguments = options.arguments
    with open_lake(options, name=job) as lake:
        if arguments.undo is not None:
            row, is_stored = _undone_row(lake, arguments.undo, job)
        else:
            named = {f"--{n}": t for n in ("a", "b") if (t := getattr(arguments, n, None))}
            identifiers = find_identifiers(lake, named, conf=options.settings.identity)
            row, is_stored = _new_row(lake, kind, identifiers, arguments.reason)
        if arguments.dry_run:
            expected = _expected_changes(lake, options, row)
            return [_dry_run_line(row), *_change_lines(expected)]
        if not is_stored:
            with lake.writing(silver.IDENTITY_DECISIONS):
                lake.upsert(silver.IDENTITY_DECISIONS, _decision_frame(lake, row))
        _resolve(resolve, options, row)
        changes = lake.read_or_empty(silver.IDENTITY_CHANGES).where(F.col("run_id") == lake.run_id)
        return [_decision_line(row), *_change_lines(_id_changes(changes)), *_refusal(lake, row)]


def _resolve(
    resolve: Callable[[Sequence[str]], None], options: RunOptions, row: Mapping[str, Any]
) -> None:
    """Resolve identities after a decision was stored.

    Raises:
        LakeError: another process is doing it.
    """
    try:
        resolve(options.as_argv())
    except LakeError as error:
        if not isinstance(error.__cause__, Busy):
            raise
        what = "The undo of decision" if row["withdrawn_at"] is not None else "Decision"
        raise LakeError(
            f"{what} {row['decision_id']} is stored in silver.identity_decisions and has no effect "
            f"yet, because another process is resolving identities ({options.settings.lake.root}). "
            f"The next run of jobs/{RESOLVER}.py or jobs/pipeline.py applies it. To see its "
            "effect, wait and start this command again."
        ) from error


def _has_waiting_decisions(lake: Lake) -> bool:
    """Whether a decision was stored that no finished run of the resolver has read."""
    if not lake.exists(ops.JOB_RUNS):
        return True
    runs = lake.read(ops.JOB_RUNS).where(F.col("job") == RESOLVER)
    read = F.col("input_versions")[silver.IDENTITY_DECISIONS.name].alias("version")
    newest = first_row(runs.orderBy(F.desc("finished_at"), F.desc("run_id")).select(read))
    version = newest["version"] if newest else None
    return version is None or version < lake.version(silver.IDENTITY_DECISIONS)


def _active_decisions(lake: Lake) -> list[Row]:
    return active_decisions(lake.read_or_empty(silver.IDENTITY_DECISIONS), lake.keyed_hash)


def _decision_frame(lake: Lake, row: Mapping[str, Any]) -> DataFrame:
    return silver.IDENTITY_DECISIONS.rows(lake.spark, [row])


def _id_changes(rows: DataFrame) -> list[IdChange]:
    return [IdChange(*row) for row in collected(rows.select(*_ID_CHANGE))]


def _new_row(
    lake: Lake, kind: str, identifiers: Sequence[StoredIdentifier], reason: str
) -> tuple[dict[str, Any], bool]:
    """The row of a decision, and whether it is stored already and waits for the resolver.

    Raises:
        ConfError: it would change nothing, or it contradicts another decision.
    """
    nodes = [one.node_id for one in identifiers]
    decisions = _active_decisions(lake)
    same = [one for one in decisions if one["kind"] == kind and _ends(one) == set(nodes)]
    if same and _has_waiting_decisions(lake):
        return same[-1].asDict(), True
    _check_decisions(decisions, kind, nodes)
    if kind == "release":
        shared = lake.read_or_empty(silver.BAD_VALUES).where(F.col("node_id") == nodes[0])
        if not shared.where(F.col("status") == "set_aside").count():
            raise ConfError(
                "--a: is not a shared identifier (silver.bad_values does not have it), so there is "
                "nothing to release. Name an identifier of silver.bad_values."
            )
    row = decision_row(
        kind,
        identifiers[0].pair,
        identifiers[1].pair if len(identifiers) > 1 else None,
        reason=reason.strip(),
        decided_at=lake.started_at,
        hashed=lake.keyed_hash.text,
    )
    sides = {"left_node": nodes[0], "right_node": nodes[1] if len(nodes) > 1 else None}
    return {**row, **sides}, False


def _ends(decision: Row) -> set[int]:
    """The one or two nodes of a decision."""
    return {decision["left_node"], decision["right_node"]} - {None}


def _check_decisions(decisions: Sequence[Row], kind: str, nodes: Sequence[int]) -> None:
    """Refuse a new decision that repeats or contradicts an active one.

    Args:
        kind, nodes: those of the new decision.
    """
    opposite = {"link": "keep_apart", "keep_apart": "link"}.get(kind)
    for other in decisions:
        ends = [other["left_node"], other["right_node"]]
        is_same = _ends(other) == set(nodes)
        hint = (
            f"Undo it first: jobs/silver/{JOB_OF_KIND[other['kind']]}.py --undo "
            f"{other['decision_id']}."
        )
        if other["kind"] == opposite and is_same:
            raise ConfError(
                f"Decision {other['decision_id']} is the opposite ({opposite}) for the same two "
                f"identifiers. {hint}"
            )
        if other["kind"] == kind and kind != "unlink" and is_same:
            raise ConfError(f"Decision {other['decision_id']} is the same. There is nothing to do.")
        if kind == "unlink" and other["kind"] == "link" and nodes[0] in ends:
            raise ConfError(
                f"Decision {other['decision_id']} links it to another identifier, which an unlink "
                f"does not change. {hint}"
            )


def _undone_row(lake: Lake, decision_id: str, job: str) -> tuple[dict[str, Any], bool]:
    """The row of a decision once it is undone, and whether that is stored already and waits for
    the resolver.

    Raises:
        ConfError: the decision is unknown, is undone already, or was made by another command.
    """
    decisions = lake.read_or_empty(silver.IDENTITY_DECISIONS)
    named = decisions.where(F.col("decision_id") == decision_id)
    rows = collected(with_nodes(named, lake.keyed_hash))
    if not rows:
        raise ConfError(
            f"--undo {decision_id}: silver.identity_decisions has no such decision. Use the id "
            "that the command printed when the decision was made."
        )
    row = rows[0].asDict()
    is_undone_already = row["withdrawn_at"] is not None
    if is_undone_already and not _has_waiting_decisions(lake):
        raise ConfError(
            f"--undo {decision_id}: was undone on {row['withdrawn_at']:%Y-%m-%d %H:%M} UTC. There "
            "is nothing to do."
        )
    made_by = JOB_OF_KIND[row["kind"]]
    if made_by != job.rpartition("/")[2]:
        raise ConfError(
            f"--undo {decision_id}: is of the kind {row['kind']}. Use jobs/silver/{made_by}.py "
            f"--undo {decision_id}."
        )
    if is_undone_already:
        return row, True
    return {**row, "withdrawn_at": lake.started_at}, False


def _expected_changes(lake: Lake, options: RunOptions, row: Mapping[str, Any]) -> list[IdChange]:
    """The changes that a decision would make among the people of its identifiers."""
    conf = options.settings.identity
    namespaces, stored = Namespaces.of(conf), stored_graph(lake)
    is_new = row["withdrawn_at"] is None
    others = _active_decisions(lake)
    decisions = [one for one in others if one["decision_id"] != row["decision_id"]]
    if is_new:
        decisions.append(Row(**row))
    ends = [node for node in (row["left_node"], row["right_node"]) if node is not None]
    released = {one["left_node"] for one in decisions if one["kind"] == "release"}
    still_shared = shared_nodes(lake.read_or_empty(silver.BAD_VALUES)) - released
    shared = np.array(sorted(still_shared), np.int64)
    links = with_decisions(stored.links, decisions, at=lake.started_at, are_observed=False)
    if row["kind"] == "link" and is_new:
        new_links = operator_links(_decision_frame(lake, row), lake.keyed_hash).withColumns(
            {"status": F.lit("active"), "reason": F.lit(None).cast("string")}
        )
        links = links.unionByName(new_links, allowMissingColumns=True)
    neighbours = links_at(stored.links, np.unique(ends)).select("left_node", "right_node")
    affected = np.setdiff1d(np.union1d(distinct_numbers(neighbours), ends), shared)
    part = affected_components(stored, affected)
    was_counted = stored.links.where(F.col("status") != "withdrawn").select("link_id")
    withdrawn = links.where(F.col("status") == "withdrawn").join(was_counted, "link_id", "semi")
    changed = StoredGraph(stored.identifiers, links, stored.current, stored.id_reassignments)
    result = resolved_graph(
        read_graph(restricted(changed, part), namespaces, part=part),
        guard_rules(conf, decisions),
        namespaces,
        split_candidates=distinct_numbers(withdrawn.select("left_node", "right_node")),
        known_shared=shared,
    )
    moved = frame_of(lake.spark, result.changes(shared).moved).withColumns(
        {f"{side}_profile_id": profile_id(F.col(f"{side}_key")) for side in ("from", "to")}
    )
    return _id_changes(moved)


def _dry_run_line(row: Mapping[str, Any]) -> str:
    what = "To undo the decision" if row["withdrawn_at"] is not None else "The decision"
    return f"Nothing was written. {what} would change:"


def _decision_line(row: Mapping[str, Any]) -> str:
    decision = f"Decision {row['decision_id']} ({row['kind']})"
    if row["withdrawn_at"] is not None:
        return f"{decision} is undone."
    undo = f"jobs/silver/{JOB_OF_KIND[row['kind']]}.py --undo {row['decision_id']}"
    return f"{decision} is active. To undo it: {undo}"


def _change_lines(changes: Sequence[IdChange]) -> list[str]:
    if not changes:
        return ["  no identifier changes its person"]
    ordered = sorted(changes, key=lambda c: (-c.identifier_count, c.from_profile_id, c.kind))
    lines = [
        f"  {one.kind}: {one.identifier_count} identifier{'s' * (one.identifier_count > 1)} of "
        f"person {one.from_profile_id} to person {one.to_profile_id}"
        for one in ordered[:_SHOWN]
    ]
    rest = len(ordered) - _SHOWN
    return [*lines, f"  and {rest} more in silver.identity_changes"] if rest > 0 else lines


def _refusal(lake: Lake, row: Mapping[str, Any]) -> list[str]:
    """A line that says why, if a guard refuses the link that was decided."""
    if row["kind"] != "link" or row["withdrawn_at"] is not None:
        return []
    ends = (F.col("left_node") == row["left_node"]) & (F.col("right_node") == row["right_node"])
    links = collected(lake.read(silver.IDENTITY_LINKS).where(ends & (F.col("rule") == OPERATOR)))
    if not links:
        raise LakeError(
            f"silver.identity_links: has no link of decision {row['decision_id']}, expected one. "
            "Start jobs/silver/resolve_identities.py again."
        )
    if links[0]["status"] == "active":
        return []
    return [
        f"A guard refuses the link, so they stay two people: {links[0]['reason']}. The decision "
        "stays active: the link joins them once no guard refuses it (identity.namespaces, "
        "per_person; identity.max_person_size; keep_apart)."
    ]
