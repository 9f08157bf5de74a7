"""The lake of the demo, and what `make clean` deletes."""

import subprocess

import pytest

from kinfold.core.errors import LakeError
from kinfold.runtime.demo_lake import DEMO_MARKER, claim_for_demo
from kinfold.runtime.storage import Storage
from project import HOME


def made_lake(root, *sources, tables=("bronze/events",)):
    """The folders of a lake into which some sources have landed."""
    for name in (*tables, *(f"_checkpoints/bronze.events/{source}" for source in sources)):
        (root / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("sources", "tables"),
    [((), ()), (("world_events", "world_crm", "world_crm.retired-1a2b"), ("bronze/events",))],
)
def test_the_demo_marks_a_new_lake_and_its_own(spark, tmp_path, sources, tables):
    made_lake(tmp_path, *sources, tables=tables)
    claim_for_demo(Storage(spark, str(tmp_path)))
    assert (tmp_path / DEMO_MARKER).is_file()


@pytest.mark.parametrize(
    ("sources", "tables", "message"),
    [
        (("world_events", "my_shop"), ("bronze/events",), "holds data of my_shop. The demo"),
        (("world_events",), ("bronze/events", "bronze/records"), "holds data of other sources"),
        ((), ("silver/profiles",), "holds data of other sources"),
    ],
)
def test_the_demo_does_not_mix_its_people_with_those_of_others(
    spark, tmp_path, sources, tables, message
):
    made_lake(tmp_path, *sources, tables=tables)
    with pytest.raises(LakeError, match=message):
        claim_for_demo(Storage(spark, str(tmp_path)))
    assert not (tmp_path / DEMO_MARKER).exists()


def clean(var):
    return subprocess.run([HOME / "bin" / "clean", var], capture_output=True, text=True)


@pytest.fixture
def var(tmp_path):
    """A folder var/ with a world, the demo's lake, another lake, and files of the user."""
    for name in ("world/truth", "world/events", "world/crm", "my_shop/bronze/events", "kafka"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "world/truth/world.json").write_text("{}")
    made_lake(tmp_path / "lake", "world_events", "world_crm")
    (tmp_path / "lake" / DEMO_MARKER).write_text("{}")
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_clean_deletes_the_demos_world_and_lake_and_nothing_else(var):
    assert clean(var).returncode == 0
    assert names(var) == ["kafka", "my_shop"]
    assert (var / "my_shop" / "bronze" / "events").is_dir()
    assert clean(var).returncode == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lake: (lake / DEMO_MARKER).unlink(), "make demo has not made it"),
        (
            lambda lake: (lake / "_checkpoints/bronze.events/my_shop").mkdir(),
            "it also has data of: my_shop.",
        ),
        (lambda lake: (lake / "bronze/records").mkdir(), "it also has records of batch sources"),
    ],
)
def test_clean_keeps_a_lake_with_the_users_data_and_says_why(var, change, reason):
    change(var / "lake")
    done = clean(var)
    assert done.returncode == 2
    assert f"{var}/lake is kept, because {reason}" in done.stderr
    assert names(var) == ["kafka", "lake", "my_shop", "world"]


def test_clean_keeps_the_users_files_in_the_folder_of_the_world(var):
    (var / "world" / "notes.txt").write_text("mine")
    assert "has other files" in clean(var).stderr
    assert names(var / "world") == ["notes.txt"]


def test_clean_keeps_a_folder_of_that_name_that_is_not_a_world(var):
    (var / "world/truth/world.json").unlink()
    assert clean(var).returncode == 0
    assert "world" in names(var)
