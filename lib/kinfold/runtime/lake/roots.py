"""The lake: tables by declaration, read at pinned versions and written through the gate."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from kinfold.core.errors import LakeError


def open_root(root: str) -> None:
    """Make sure a local lake root can be written, before any work is done for it.

    Raises:
        LakeError: it cannot.
    """
    local = local_path(root)
    if local is None:
        return
    try:
        local.mkdir(parents=True, exist_ok=True)
        probe = local / "_locks"
        probe.mkdir(exist_ok=True)
        (probe / ".probe").touch()
        (probe / ".probe").unlink()
    except OSError as error:
        raise LakeError(
            f"lake.root {root}: cannot be written ({error.strerror}). Give yourself the permission "
            "or name another folder with --set lake.root=DIR."
        ) from error


def local_path(root: str) -> Path | None:
    """The root as a local path; null for an object store or any other URI."""
    parsed = urlparse(root)
    if parsed.scheme in ("", "file"):
        return Path(unquote(parsed.path)) if parsed.scheme else Path(root)
    return None
