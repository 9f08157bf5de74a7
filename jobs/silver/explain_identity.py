"""Explain why two identifiers are one person or not.

Prints the strongest path of links between them, the evidence of each link, and which single links
would separate them if removed. For two people it prints the links between them that do not count,
and why. Other identifiers are printed as short hashes unless you pass --show-values.
"""

from collections.abc import Sequence

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_lake, run_job
from kinfold.silver.identity.operators.explanation import explain, explanation_text
from kinfold.silver.identity.operators.lookup import IDENTIFIER_HELP, find_identifiers

JOB = "silver/explain_identity"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, f"{__doc__}\n{IDENTIFIER_HELP}")
    parser.add_argument("--a", metavar="IDENTIFIER", required=True, help="one identifier")
    parser.add_argument("--b", metavar="IDENTIFIER", required=True, help="the other identifier")
    parser.add_argument(
        "--show-values",
        action="store_true",
        help="print other identifiers and event ids too",
    )
    options = parse_options(JOB, argv, parser=parser)
    named = {"--a": options.arguments.a, "--b": options.arguments.b}
    with open_lake(options, name=JOB) as lake:
        a, b = find_identifiers(lake, named, conf=options.settings.identity)
        text = explanation_text(
            explain(lake, a, b),
            hashed=lake.keyed_hash.text,
            shows_values=options.arguments.show_values,
        )
    print(text)


if __name__ == "__main__":
    run_job(main)
