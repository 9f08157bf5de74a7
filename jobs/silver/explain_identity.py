"""Tell why two identifiers are one person, or why they are not.

Printed are the strongest path of links between them, the evidence of each link, and the links each
of which, taken away, would part them. Of different people: what links them and does not count, and
why. Values of other identifiers are shown as short hashes unless --show-values is given.
"""

from collections.abc import Sequence

import numpy as np

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_lake, run_job
from kinfold.silver.identity.operators.explanation import (
    explanation_of,
    explanation_text,
    links_around,
)
from kinfold.silver.identity.operators.lookup import (
    IDENTIFIER_HELP,
    assignments_of,
    find_identifiers,
)
from kinfold.silver.identity.resolution.stored_graph import stored_graph

JOB = "silver/explain_identity"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, f"{__doc__}\n{IDENTIFIER_HELP}")
    parser.add_argument("--a", metavar="IDENTIFIER", required=True, help="one identifier")
    parser.add_argument("--b", metavar="IDENTIFIER", required=True, help="the other identifier")
    parser.add_argument(
        "--show-values", action="store_true", help="show other identifiers and event ids in clear"
    )
    options = parse_options(JOB, argv, parser=parser)
    given = {"--a": options.arguments.a, "--b": options.arguments.b}
    with open_lake(options, name=JOB) as lake:
        a, b = find_identifiers(lake, given, conf=options.settings.identity)
        links = links_around(stored_graph(lake), np.unique([a.node_id, b.node_id]))
        rows = [row.asDict() for row in links.collect()]
        place_a, place_b = assignments_of(lake, [a, b])
        found = explanation_of(place_a, place_b, a.node_id, b.node_id, rows)
    print(explanation_text(found, shows_values=options.arguments.show_values))


if __name__ == "__main__":
    run_job(main)
