"""YAML files and relative paths."""

from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.files import read_yaml, resolve_path


def written(folder: Path, content: bytes) -> Path:
    file = folder / "x.yaml"
    file.write_bytes(content)
    return file


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    assert read_yaml(written(tmp_path, b"# nothing\n"), "x.yaml") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [\n", "conf/x.yaml, line 2: is not valid YAML. Check indent and quotes."),
        (b"\xff\xfe\xff", "conf/x.yaml: is not valid YAML."),
        (b"- a\n", "conf/x.yaml: contains a list, expected keys with values."),
    ],
)
def test_a_wrong_file_is_named_as_the_user_knows_it(tmp_path, content, message):
    with pytest.raises(ConfError) as caught:
        read_yaml(written(tmp_path, content), "conf/x.yaml")
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfError, match=r"conf/y.yaml: cannot be read \(No such file"):
        read_yaml(tmp_path / "y.yaml", "conf/y.yaml")


def test_a_relative_path_becomes_absolute_and_a_uri_stays(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert resolve_path("a/b", Path("/base")) == "/base/a/b"
    assert resolve_path("/a", Path("/base")) == "/a"
    assert resolve_path("~/a", Path("/base")) == "/somewhere/a"
    assert resolve_path("s3a://bucket/a", Path("/base")) == "s3a://bucket/a"
