"""Print which people would merge or split under other settings, without writing anything.

Pass settings as in every job, e.g. --set identity.namespaces.user_id.per_person=2,
--set identity.namespaces.device_id.shared_by.user_id=3, --set identity.max_person_size=50 or
--set identity.namespaces.email.trust=0.4. The result is compared with today's silver.identity_map.
The links come from the tables, so settings that decide which identifiers events have cannot be
tried.
"""

import json
from collections.abc import Sequence

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_lake, run_job
from kinfold.silver.identity.operators.lookup import IDENTIFIER_HELP, find_identifiers
from kinfold.silver.identity.operators.what_if import (
    check_overrides,
    check_rule,
    what_if,
    what_if_json,
    what_if_text,
)

JOB = "silver/what_if_identity"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, f"{__doc__}\n{IDENTIFIER_HELP}")
    parser.add_argument("--set-aside", metavar="IDENTIFIER", help="treat this value as shared")
    parser.add_argument("--without-rule", metavar="RULE", help="leave out links of this rule")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--top", type=int, default=10, help="merges and splits shown (default: 10)")
    options = parse_options(JOB, argv, parser=parser)
    arguments, conf = options.arguments, options.settings.identity
    check_overrides(arguments.set)
    check_rule(arguments.without_rule)
    named = {"--set-aside": arguments.set_aside} if arguments.set_aside else {}
    with open_lake(options, name=JOB) as lake:
        shared = find_identifiers(lake, named, conf=conf)
        result = what_if(lake, conf, more_shared=shared, without_rule=arguments.without_rule)
    if arguments.json:
        print(json.dumps(what_if_json(result, top=arguments.top)))
    else:
        print(what_if_text(result, top=arguments.top))


if __name__ == "__main__":
    run_job(main)
