"""The data dictionary: a page about every table, written from the declarations.

`python -m kinfold.tables.dictionary FILE` writes it.
"""

import sys
from pathlib import Path

from kinfold.tables.registry import ALL
from kinfold.tables.spec import Field, Table


def dictionary_page() -> str:
    """The page as Markdown: each table with grain, key, writer, columns and expectations."""
    parts = [
        "# Data dictionary",
        "Written from the declarations in `lib/kinfold/tables` by `make dictionary`; do not edit.",
        "Privacy of a column: *identifier* names a person outside the lake, *sensitive* says "
        "something about a person that only text can hold, *pseudonym* names a person inside the "
        "lake only. Columns of the first two kinds get no statistics in the Delta log. All times "
        "are UTC.",
    ]
    parts += [_table(table) for table in ALL]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    facts = [f"Key: `{', '.join(table.key)}`."]
    facts.append(f"Written by `{table.written_by}`.")
    if table.cluster_by:
        facts.append(f"Clustered by `{', '.join(table.cluster_by)}`.")
    if table.subject:
        facts.append(f"A person's rows are found by `{', '.join(table.subject)}`.")
    lines = [f"## {table.name}", table.comment, " ".join(facts)]
    rows = ["| column | type | null | privacy | meaning |", "|---|---|---|---|---|"]
    rows += [_row(field) for field in table.fields]
    lines.append("\n".join(rows))
    if table.layer in ("silver", "gold"):
        rules = "\n".join(f"- {rule.sentence}" for rule in table.suite)
        lines.append(f"Judged before it is published:\n{rules}")
    return "\n\n".join(lines)


def _row(field: Field) -> str:
    meaning = field.comment.replace("|", "\\|")
    may_be_null = "yes" if field.nullable else "no"
    return (
        f"| {field.name} | {field.type.simpleString()} | {may_be_null} | {field.privacy} "
        f"| {meaning} |"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dictionary_page(), encoding="utf-8")
