"""The root of a lake: a folder of this machine, or a URI that Spark can write."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from kinfold.core.errors import LakeError


def open_root(root: str) -> None:
    """Create a local lake root and check that it can be written, before any work starts.

    Raises:
        LakeError: the folder cannot be created or written.
    """
    local = local_path(root)
    if local is None:
        return
    try:
        local.mkdir(parents=True, exist_ok=True)
        locks = local / "_locks"
        locks.mkdir(exist_ok=True)
        (locks / ".probe").touch()
        (locks / ".probe").unlink()
    except OSError as error:
        raise LakeError(
            f"lake.root {root}: cannot be written ({error.strerror}). Give yourself the permission "
            "or name another folder with --set lake.root=DIR."
        ) from error


def local_path(root: str) -> Path | None:
    """The root as a local path; None for an object store or any other URI."""
    parsed = urlparse(root)
    if parsed.scheme in ("", "file"):
        return Path(unquote(parsed.path)) if parsed.scheme else Path(root)
    return None
