"""Folders of schemas for tests: a copy of the committed ones, and schemas written into it."""

import json
from pathlib import Path
from typing import Any

from kinfold.bronze.schemas.registry import DRAFT


def write_schema(folder: Path, schema_id: str, **members: Any) -> None:
    """Write a schema with the members that every schema needs, and those of the caller."""
    file = folder / f"{schema_id}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"$schema": DRAFT, "$id": f"kinfold:{schema_id}", **members}))
