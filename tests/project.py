"""The folders of the project and of the shared data, for tests."""

from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
SCHEMAS = HOME / "conf" / "schemas"
SHARED = HOME.parent / "shared"


def shared_data(name: str) -> Path:
    """A file or folder of `../shared/data`, public data that lies beside the project.

    Skips the test if `../shared` does not exist. Fails it if only this file is missing.
    """
    return _shared("data", name)


def shared_case(name: str) -> Path:
    """A file or folder of `../shared/cases`, inputs that once went wrong; see `shared_data`."""
    return _shared("cases", name)


def _shared(folder: str, name: str) -> Path:
    path = SHARED / folder / name
    if not SHARED.is_dir():
        pytest.skip(f"{name}: the shared data is not beside the project ({SHARED.name}/ is absent)")
    if not path.exists():
        pytest.fail(f"{path} is missing although {SHARED.name}/ exists")
    return path
