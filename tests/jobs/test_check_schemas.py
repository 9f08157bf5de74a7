"""check_schemas: which version a schema's changes need, as a command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kinfold.core.errors import ConfError, SchemaVersionError
from kinfold.runtime.suite import load_main
from project import HOME

JOB = HOME / "jobs" / "governance" / "check_schemas.py"


@pytest.fixture
def folder(tmp_path):
    """A copy of the committed schemas, with the first version of purchase only."""
    copy = Path(shutil.copytree(HOME / "conf" / "schemas", tmp_path / "schemas"))
    (copy / "purchase" / "1-0-1.json").unlink()
    return copy


@pytest.fixture
def check(folder, capsys):
    """`check(*argv)`: what the command prints about the copy."""

    def checked(*argv: str) -> list[str]:
        load_main(JOB)(["--schemas", str(folder), *argv])
        return capsys.readouterr().out.splitlines()

    return checked


def edited(folder: Path, version: str | None, **properties: Any) -> dict[str, Any]:
    """purchase 1-0-0 as another version, with some of its properties replaced; `...` removes."""
    document = json.loads((folder / "purchase" / "1-0-0.json").read_text(encoding="utf-8"))
    members = document["properties"]["properties"]["properties"]
    changed = {k: v for k, v in (members | properties).items() if v is not ...}
    document["properties"]["properties"]["properties"] = changed
    document["$id"] = f"kinfold:purchase/{version}"
    if version is None:
        del document["$id"]
    return document


def saved(file: Path, document: dict[str, Any]) -> str:
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


COUPON = {"coupon": {"type": ["string", "null"]}}
LOCATION = "/properties/properties/properties"


def test_the_committed_schemas_are_compatible():
    load_main(JOB)([])


def test_each_version_is_compared_with_the_one_before_it(folder, check):
    saved(folder / "purchase" / "1-0-1.json", edited(folder, "1-0-1", **COUPON))
    limited = COUPON | {"category": {"type": ["string", "null"], "maxLength": 9}}
    saved(folder / "purchase" / "1-1-0.json", edited(folder, "1-1-0", **limited))
    lines = check()
    of_purchase = next(i for i, line in enumerate(lines) if line.startswith("purchase "))
    assert lines[of_purchase : of_purchase + 4] == [
        "purchase 1-0-0 -> 1-0-1: needs 1-0-1 or higher",
        f"  addition  {LOCATION}/coupon: optional member 'coupon' was added: events without it are"
        " still valid",
        "purchase 1-0-1 -> 1-1-0: needs 1-1-0 or higher",
        f"  revision  {LOCATION}/category/maxLength: maxLength was 256, is 9: values outside it are"
        " refused",
    ]


def test_a_version_lower_than_its_changes_need_is_refused(folder, check):
    narrowed = edited(folder, "1-0-1", quantity={"type": "integer"})
    saved(folder / "purchase" / "1-0-1.json", narrowed)
    message = (
        r"^purchase: the schema after 1-0-0 is 1-0-1, expected 2-0-0 or higher. Worst change: .*/"
    )
    with pytest.raises(SchemaVersionError, match=message) as caught:
        check()
    assert caught.value.exit_code == 12


@pytest.mark.parametrize("version", ["1-0-1", "1-1-0", "2-0-0", None])
def test_a_new_schema_may_have_the_needed_version_or_a_higher_one(folder, check, tmp_path, version):
    new = saved(tmp_path / "new.json", edited(folder, version, **COUPON))
    assert check("--new", new, "--type", "purchase")[0].endswith("needs 1-0-1 or higher")


@pytest.mark.parametrize("version", ["1-0-0", "1-0-1", "1-1-0", None])
def test_a_new_schema_that_breaks_needs_a_new_model(folder, check, tmp_path, version):
    new = saved(tmp_path / "new.json", edited(folder, version, currency={"type": "integer"}))
    with pytest.raises(
        SchemaVersionError, match=r"expected 2-0-0 or higher\. Worst change: .*curr"
    ):
        check("--new", new, "--type", "purchase")


def test_a_new_schema_that_breaks_may_be_a_new_model(folder, check, tmp_path):
    new = saved(tmp_path / "new.json", edited(folder, "2-0-0", currency={"type": "integer"}))
    lines = check("--new", new, "--type", "purchase")
    assert lines[0] == "purchase 1-0-0 -> 2-0-0: needs 2-0-0 or higher"
    assert lines[1].startswith(f"  breaking  {LOCATION}/currency/type: type was")


def test_the_newest_version_itself_has_no_changes(folder, check):
    same = str(folder / "purchase" / "1-0-0.json")
    assert check("--new", same, "--type", "purchase")[1:] == ["  no change that affects validation"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--new", "x.json"], "--new and --type belong together"),
        (["--type", "purchase"], "--new and --type belong together"),
        (["--new", "x.json", "--type", "purchas"], "has no schema. Did you mean 'purchase'"),
        (["--new", "nowhere.json", "--type", "purchase"], r"nowhere.json: cannot be read \(No su"),
        (["--schemas", "nowhere"], "nowhere: no such folder, expected one folder of schemas"),
        (["--schema", "x"], "unrecognized arguments: --schema x"),
    ],
)
def test_a_wrong_argument_is_reported_in_one_line(check, argv, message):
    with pytest.raises(ConfError, match=message) as caught:
        check(*argv)
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "new.json: is not valid JSON"),
        ("\ufeff{}", "new.json: is not valid JSON"),
        ("[]", "new.json: is not a schema, expected a JSON object"),
        ('{"$id": "kinfold:login/1-0-1"}', 'new.json: \\$id is "kinfold:login/1-0-1", expected "k'),
        (
            '{"$id": "kinfold:purchase/1-0-2"}',
            "new.json: \\$id names version 1-0-2, expected 1-0-1, 1-1",
        ),
        ("{}", "new.json: \\$schema is None, expected"),
        ('{"$schema": "DRAFT", "$ref": "#"}', "new.json: \\$ref loop"),
        ('{"$schema": "DRAFT", "$ref": "#/a"}', 'new.json: \\$ref "#/a" at / leads nowhere'),
        ('{"$schema": "DRAFT", "type": "strin"}', "new.json: invalid schema at /type"),
    ],
)
def test_a_new_file_without_a_schema_is_reported_in_one_line(check, tmp_path, text, message):
    file = tmp_path / "new.json"
    draft = "https://json-schema.org/draft/2020-12/schema"
    file.write_text(text.replace("DRAFT", draft), encoding="utf-8")
    with pytest.raises(ConfError, match=message) as caught:
        check("--new", str(file), "--type", "purchase")
    assert len(str(caught.value).splitlines()) == 1


def test_the_process_ends_with_the_exit_code_and_one_line(folder):
    (folder / "purchase" / "1-0-0.json").rename(folder / "purchase" / "1-0-1.json")
    process = subprocess.run(
        [sys.executable, str(JOB), "--schemas", str(folder)], capture_output=True, text=True
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert "purchase/1-0-1.json: is the first version, expected 1-0-0." in process.stderr
