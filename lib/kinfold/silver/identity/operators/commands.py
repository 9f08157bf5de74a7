"""Commands by which operators decide about identifiers: checked, kept, and in force at once."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import Row, functions as F

from kinfold.core.errors import ConfError, LakeError
from kinfold.core.settings.command_line import RunOptions, job_parser
from kinfold.runtime.arrow_frames import distinct_numbers, frame_of
from kinfold.runtime.job import open_lake
from kinfold.runtime.lake.tables import Lake
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.links.observed import links_at
from kinfold.silver.identity.links.operator_decisions import (
    OPERATOR,
    active_decisions,
    decision_row,
    decision_rows,
    operator_links,
    with_decisions,
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
    stored_graph,
    stored_subgraph,
)
from kinfold.tables import silver

JOB_OF_KIND = {
    "unlink": "unlink_identity",
    "keep_apart": "unlink_identity",
    "link": "link_identity",
    "release": "release_value",
}
_SHOWN = 20


@dataclass(frozen=True)
class IdChange:
    """Identifiers that went from one person to another: a row of silver.identity_changes."""

    kind: str
    from_profile_id: str
    to_profile_id: str
    identifier_count: int


def command_parser(
    job: str, description: str, *, a: str, b: str | None = None
) -> argparse.ArgumentParser:
    """The command line of a decision.

    Args:
        a, b: what the identifiers are to the decision; null = there is no second one.
    """
    parser = job_parser(job, f"{description}\n{IDENTIFIER_HELP}")
    parser.add_argument("--a", metavar="IDENTIFIER", help=a)
    if b is not None:
        parser.add_argument("--b", metavar="IDENTIFIER", help=b)
    parser.add_argument("--reason", metavar="TEXT", help="why, in your words; kept with it")
    parser.add_argument(
        "--undo",
        metavar="DECISION_ID",
        help="take back an earlier decision (its id was printed when it was made, and is in "
        "silver.identity_decisions); instead of --a and --reason",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would change, and write nothing"
    )
    return parser


def check_command(arguments: argparse.Namespace, *, needs: Sequence[str]) -> None:
    """Refuse a command line that says too little or too much.

    Raises:
        ConfError: with every problem found.
    """
    given = {name: getattr(arguments, name, None) for name in ("a", "b", "reason")}
    if arguments.undo is not None:
        extra = [f"--{name}" for name, value in given.items() if value is not None]
        if extra:
            raise ConfError(
                f"--undo: takes back a decision as it is, so leave out {', '.join(extra)}."
            )
        return
    missing = [f"--{name}" for name in (*needs, "reason") if not (given[name] or "").strip()]
    if missing:
        raise ConfError(
            f"{', '.join(missing)}: not given. Name {', '.join(f'--{n}' for n in needs)} and a "
            "--reason, or --undo with the id of a decision."
        )


def decide(
    options: RunOptions,
    job: str,
    *,
    kind: str,
    resolve: Callable[[Sequence[str]], None],
) -> list[str]:
    """Make a decision, or take one back, and resolve who is who anew.

    Args:
        kind: of silver.identity_decisions, of a new decision.
        resolve: `main` of silver/resolve_identities.

    Returns:
        What was decided and what changed, as lines.

    Raises:
        ConfError: an identifier or a decision is unknown, or the decision is not one to take here.
        LakeError: nobody has been resolved yet, or another process is at work.
    """
    arguments = options.arguments
    with open_lake(options, name=job) as lake:
        conf = options.settings.identity
        if arguments.undo is not None:
            row = _undone(lake, arguments.undo, job)
        else:
            given = {f"--{n}": t for n in ("a", "b") if (t := getattr(arguments, n, None))}
            found = find_identifiers(lake, given, conf=conf)
            row = _decided(lake, kind, found, arguments.reason)
        if arguments.dry_run:
            before = _lines_before(row, is_dry=True)
            return [*before, *_told_changes(_foreseen(lake, options, row))]
        with lake.writing(silver.IDENTITY_DECISIONS):
            lake.upsert(silver.IDENTITY_DECISIONS, _frame(lake, row))
        resolve(options.as_argv())
        done = lake.read_or_empty(silver.IDENTITY_CHANGES).where(F.col("run_id") == lake.run_id)
        changes = [IdChange(*(one[n] for n in _CHANGE)) for one in done.select(*_CHANGE).collect()]
        lines = [*_lines_before(row, is_dry=False), *_told_changes(changes)]
        return [*lines, *_refusal(lake, row)]


_CHANGE = ("kind", "from_profile_id", "to_profile_id", "identifier_count")


def _frame(lake: Lake, row: Mapping[str, Any]) -> Any:
    return decision_rows(silver.IDENTITY_DECISIONS.rows(lake.spark, [row]))


def _decided(
    lake: Lake, kind: str, found: Sequence[StoredIdentifier], reason: str
) -> dict[str, Any]:
    """The row of a new decision.

    Raises:
        ConfError: it would change nothing, or another decision stands in its way.
    """
    nodes = [one.node_id for one in found]
    held = active_decisions(lake.read_or_empty(silver.IDENTITY_DECISIONS))
    opposite = {"link": "keep_apart", "keep_apart": "link"}.get(kind)
    for other in held:
        theirs = [other["left_node"], other["right_node"]]
        is_same = set(theirs) - {None} == set(nodes)
        hint = f"Take it back first: jobs/silver/{JOB_OF_KIND[other['kind']]}.py --undo"
        if other["kind"] == opposite and is_same:
            raise ConfError(
                f"Decision {other['decision_id']} says the opposite ({opposite}) of these two. "
                f"{hint} {other['decision_id']}."
            )
        if other["kind"] == kind and kind != "unlink" and is_same:
            raise ConfError(f"Decision {other['decision_id']} says so already.")
        if kind == "unlink" and other["kind"] == "link" and nodes[0] in theirs:
            raise ConfError(
                f"Decision {other['decision_id']} links it to another identifier, which an unlink "
                f"does not touch. {hint} {other['decision_id']}."
            )
    if kind == "release":
        bad = lake.read_or_empty(silver.BAD_VALUES).where(F.col("node_id") == nodes[0])
        if not bad.where(F.col("status") == "set_aside").count():
            raise ConfError(
                "--a: is not set aside (it is not in silver.bad_values), so there is nothing to "
                "release."
            )
    row = decision_row(
        kind,
        found[0].pair,
        found[1].pair if len(found) > 1 else None,
        reason=reason.strip(),
        decided_at=lake.started_at,
    )
    sides = {"left_node": nodes[0], "right_node": nodes[1] if len(nodes) > 1 else None}
    return {**row, **sides}


def _undone(lake: Lake, decision_id: str, job: str) -> dict[str, Any]:
    """The row of a decision as it is once taken back.

    Raises:
        ConfError: there is none, it is taken back already, or another command made it.
    """
    decisions = lake.read_or_empty(silver.IDENTITY_DECISIONS)
    rows = decisions.where(F.col("decision_id") == decision_id).collect()
    if not rows:
        raise ConfError(
            f"--undo {decision_id}: there is no such decision in silver.identity_decisions. Its id "
            "was printed when it was made."
        )
    row = rows[0].asDict()
    if row["withdrawn_at"] is not None:
        raise ConfError(
            f"--undo {decision_id}: was taken back on {row['withdrawn_at']:%Y-%m-%d %H:%M} UTC."
        )
    made_by = JOB_OF_KIND[row["kind"]]
    if made_by != job.rpartition("/")[2]:
        raise ConfError(
            f"--undo {decision_id}: is of the kind {row['kind']}. Use jobs/silver/{made_by}.py "
            f"--undo {decision_id}."
        )
    return {**row, "withdrawn_at": lake.started_at}


def _foreseen(lake: Lake, options: RunOptions, row: Mapping[str, Any]) -> list[IdChange]:
    """What a decision would change among the people that its identifiers touch."""
    conf = options.settings.identity
    namespaces, known = Namespaces.of(conf), stored_graph(lake)
    held = [
        one
        for one in active_decisions(lake.read_or_empty(silver.IDENTITY_DECISIONS))
        if one["decision_id"] != row["decision_id"]
    ]
    if row["withdrawn_at"] is None:
        held.append(Row(**row))
    ends = [node for node in (row["left_node"], row["right_node"]) if node is not None]
    released = {one["left_node"] for one in held if one["kind"] == "release"}
    set_aside = shared_nodes(lake.read_or_empty(silver.BAD_VALUES)) - released
    before = known.links
    links = with_decisions(before, held, at=lake.started_at, are_said=False)
    if row["kind"] == "link" and row["withdrawn_at"] is None:
        made = operator_links(_frame(lake, row)).withColumns(
            {"status": F.lit("active"), "reason": F.lit(None).cast("string")}
        )
        links = links.unionByName(made, allowMissingColumns=True)
    touched = distinct_numbers(links_at(before, np.unique(ends)).select("left_node", "right_node"))
    touched = np.setdiff1d(np.union1d(touched, ends), np.array(sorted(set_aside), np.int64))
    near = affected_components(known, touched)
    gone = links.where(F.col("status") == "withdrawn").join(
        before.where(F.col("status") != "withdrawn").select("link_id"), "link_id", how="semi"
    )
    torn = distinct_numbers(gone.select("left_node", "right_node"))
    then = StoredGraph(known.identifiers, links, known.current, known.births)
    result = resolved_graph(
        read_graph(stored_subgraph(then, near), namespaces, near=near),
        guard_rules(conf, held),
        namespaces,
        torn=torn,
        set_aside=np.array(sorted(set_aside), np.int64),
    )
    changes = result.changes(np.array(sorted(set_aside), np.int64))
    moved = frame_of(lake.spark, changes.moved)
    rows = moved.select(
        "kind",
        F.md5(F.col("from_key").cast("string")),
        F.md5(F.col("to_key").cast("string")),
        "identifier_count",
    ).collect()
    return [IdChange(*one) for one in rows]


def _lines_before(row: Mapping[str, Any], *, is_dry: bool) -> list[str]:
    is_undo = row["withdrawn_at"] is not None
    if is_dry:
        return [f"Nothing was written. {'Taken back' if is_undo else 'Decided'}, it would change:"]
    if is_undo:
        return [f"Decision {row['decision_id']} ({row['kind']}) is taken back."]
    undo = f"jobs/silver/{JOB_OF_KIND[row['kind']]}.py --undo {row['decision_id']}"
    return [f"Decision {row['decision_id']} ({row['kind']}) holds. To take it back: {undo}"]


def _told_changes(changes: Sequence[IdChange]) -> list[str]:
    if not changes:
        return ["  nobody's id changes"]
    ordered = sorted(changes, key=lambda c: (-c.identifier_count, c.from_profile_id, c.kind))
    lines = [
        f"  {one.kind}: {one.identifier_count} identifier{'s' * (one.identifier_count > 1)} of "
        f"person {one.from_profile_id} to person {one.to_profile_id}"
        for one in ordered[:_SHOWN]
    ]
    rest = len(ordered) - _SHOWN
    return [*lines, f"  and {rest} more in silver.identity_changes"] if rest > 0 else lines


def _refusal(lake: Lake, row: Mapping[str, Any]) -> list[str]:
    """Told where a link that was decided joins nobody, because a guard refuses it."""
    if row["kind"] != "link" or row["withdrawn_at"] is not None:
        return []
    ends = (F.col("left_node") == row["left_node"]) & (F.col("right_node") == row["right_node"])
    links = lake.read(silver.IDENTITY_LINKS).where(ends & (F.col("rule") == OPERATOR)).collect()
    if not links:
        raise LakeError("silver.identity_links: has no link of the decision. Start it again.")
    if links[0]["status"] == "active":
        return []
    return [
        f"A guard refuses the link, so they stay apart: {links[0]['reason']}. The decision is kept "
        "and holds once nothing stands against it (identity.namespaces, per_person; "
        "identity.max_person_size; keep_apart)."
    ]
