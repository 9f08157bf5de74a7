"""Files that a stream leaves out are named once, with what to do."""

import json

import pytest

from checkpoints import LocalStorage
from kinfold.bronze.checkpoints import unread_files as module
from kinfold.bronze.checkpoints.file_log import LoggedFile
from kinfold.bronze.checkpoints.unread_files import UnreadFiles
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.listing import InputFile


class Lake:
    spark = None


@pytest.fixture
def reported(monkeypatch, capsys):
    """`reported(files, log)`: the lines of the next report; log: times of change by name."""
    reports: dict[str, UnreadFiles] = {}

    def run(
        files: list[InputFile], log: dict[str, int], *, is_finished: bool = True, **options: str
    ) -> list[str]:
        source = Source(
            name="shop", display_path="s", format="json", input="/in", options=dict(options)
        )
        logged = {f"file:/in/{n}": LoggedFile(f"file:/in/{n}", at, 0) for n, at in log.items()}
        monkeypatch.setattr(module, "input_files", lambda *_: files)
        monkeypatch.setattr(module, "logged_files", lambda _: logged)
        monkeypatch.setattr(module, "last_committed", lambda _: 0)
        reports.setdefault("shop", UnreadFiles(Lake(), source, "/checkpoint")).report(
            is_finished=is_finished
        )
        return [line.strip() for line in capsys.readouterr().err.splitlines()]

    return run


def file(name: str, modified_ms: int = 5, *, hidden: bool = False) -> InputFile:
    return InputFile(f"file:/in/{name}", 1, modified_ms, hidden)


def test_hidden_files_are_named_once_and_markers_are_not(reported):
    files = [file("_a.csv", hidden=True), file("_SUCCESS", hidden=True)]
    [line] = reported(files, {})
    assert line.startswith("shop: not read: _a.csv. Names that start with '_' or '.' are hidden")
    assert reported(files, {}) == []


def test_a_file_that_changes_while_the_stream_runs_is_named(reported):
    assert reported([file("a", 5)], {"a": 5}) == []
    assert reported([file("a", 9)], {"a": 5}) == [
        "shop: changed since it was read: a. The next start reads it again."
    ]


def test_a_file_that_a_whole_run_did_not_read_is_named(reported):
    """Whatever the reason is that Spark leaves it out."""
    assert reported([file("a")], {}) == [], "it may be read yet"
    assert reported([file("a")], {}, is_finished=False) == [], "of a long backlog"
    assert reported([file("a"), file("b")], {}) == ["shop: not read: a. Rename it to have it read."]


def test_files_that_an_option_leaves_out_are_not_named(reported):
    for _ in range(2):
        assert reported([file("a")], {}, modifiedAfter="2026-01-01") == []


def entry(name: str, batch: int) -> str:
    return json.dumps({"path": f"file:///in/{name}", "timestamp": 5, "batchId": batch})


@pytest.mark.parametrize(
    ("names", "committed", "has_read_all"),
    [
        pytest.param(("a", "b"), (0, 1), True, id="all are read"),
        pytest.param((), (0, 1), True, id="all are read and gone"),
        pytest.param(("a", "b", "c"), (0, 1), False, id="one is new"),
        pytest.param(("a", "b"), (0,), False, id="a batch is not committed"),
        pytest.param(("a",), (), False, id="no batch is committed"),
    ],
)
def test_a_stream_has_nothing_to_do_if_it_has_committed_every_file(
    tmp_path, monkeypatch, names, committed, has_read_all
):
    storage = LocalStorage(tmp_path)
    for batch, name in enumerate(("a", "b")):
        storage.write(f"sources/0/{batch}", f"v1\n{entry(name, batch)}")
        storage.write(f"offsets/{batch}", f'v1\n{{}}\n{{"logOffset":{batch}}}')
    for batch in committed:
        storage.write(f"commits/{batch}", "v1")
    monkeypatch.setattr(module, "Storage", lambda *_: storage)
    monkeypatch.setattr(module, "input_files", lambda *_: [file(name) for name in names])
    source = Source(name="shop", display_path="s", format="json", input="/in")
    assert UnreadFiles(Lake(), source, "/checkpoint").has_read_all() is has_read_all
    if has_read_all and names:
        changed = [file("a", modified_ms=9), file("b")]
        monkeypatch.setattr(module, "input_files", lambda *_: changed)
        assert not UnreadFiles(Lake(), source, "/checkpoint").has_read_all()
