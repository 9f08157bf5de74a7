"""What tests of schemas share."""

import shutil
from pathlib import Path

import pytest

from project import SCHEMAS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the committed schemas, to be changed."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
