"""The lake of the demo: it holds only the generated world, so `make clean` may delete it."""

import json

from kinfold.core.errors import LakeError
from kinfold.runtime.lake.marker import has_tables
from kinfold.runtime.storage import Storage

DEMO_MARKER = "_demo.json"
"""The file by which `bin/clean` recognises the lake."""
DEMO_ID_KEY = "6b696e666f6c6420" * 4
"""The key of its ids. It is public, so that the demo gives everyone the same numbers: all of its
people are generated."""
_SOURCES = ("world_events", "world_crm")


def claim_for_demo(root: Storage) -> None:
    """Mark the lake at a root as the demo's.

    Raises:
        LakeError: it holds the data of other sources, which the demo must not mix with its own.
    """
    names = root.names("_checkpoints/bronze.events")
    landed = sorted({name.split(".retired-")[0] for name in names})
    others = [name for name in landed if name not in _SOURCES]
    if has_tables(root) and (others or not landed or "records" in root.names("bronze")):
        raise LakeError(
            f"lake.root {root.folder}: holds data of {', '.join(others) or 'other sources'}. The "
            "demo would mix generated people with it. Name another lake: "
            "./spark-submit.sh jobs/demo.py --set lake.root=DIR."
        )
    root.write(DEMO_MARKER, json.dumps({"sources": _SOURCES}))
