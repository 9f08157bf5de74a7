"""Locks in a folder."""

import subprocess
import sys

import pytest

from kinfold.core.errors import LakeError
from kinfold.runtime.locks.folder_locks import FolderLocks
from kinfold.runtime.locks.protocol import Busy


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from kinfold.runtime.locks.folder_locks import FolderLocks\n"
        "with FolderLocks(Path(sys.argv[1])).lock('a'): print('in', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"in\n"
    with pytest.raises(Busy), FolderLocks(tmp_path).lock("a"):
        raise AssertionError
    process.kill()
    process.wait(10)
    process.stdin.close()
    process.stdout.close()
    with FolderLocks(tmp_path).lock("a"):
        pass


def test_a_deleted_lock_file_allows_no_commit(tmp_path):
    locks = FolderLocks(tmp_path)
    with locks.lock("a") as lease:
        lease.require_owned()
        (tmp_path / "a").unlink()
        with pytest.raises(LakeError, match="this lock file was deleted while a run uses it"):
            lease.require_owned()
