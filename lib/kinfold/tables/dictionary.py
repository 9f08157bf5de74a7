"""Generates the data dictionary, a page about all tables, from the declarations.

`python -m kinfold.tables.dictionary FILE` writes it.
"""

import sys
from pathlib import Path

from kinfold.tables.registry import ALL
from kinfold.tables.spec import Field, Table


def dictionary_page() -> str:
    """The page in Markdown: grain, key, writer, columns and expectations of each table."""
    parts = [
        "# Data dictionary",
        "`make dictionary` generates this page from `lib/kinfold/tables`; do not edit it.",
        "Privacy of a column: *identifier* identifies a person outside the lake, *sensitive* "
        "describes a person in free text, *pseudonym* identifies a person only inside the lake. "
        "Columns of the first two kinds have no statistics in the Delta log. All times are UTC.",
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
        lines.append(f"Checked before it is published:\n{rules}")
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
