"""Settings of the Spark session."""

from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.runtime.session import java_options, job_session, spark_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "conf" / "spark").mkdir(parents=True)
    return tmp_path


def test_settings_are_read_from_the_file_of_the_environment(home):
    text = "# comment\n\nspark.master   local[*]\nspark.x  a b  \n"
    (home / "conf" / "spark" / "test.conf").write_text(text)
    assert spark_settings("test", home) == {"spark.master": "local[*]", "spark.x": "a b"}


def test_an_environment_without_a_file_has_no_settings(home):
    assert spark_settings("test", home) == {}


def test_a_setting_without_a_value_is_refused_with_its_line(home):
    (home / "conf" / "spark" / "test.conf").write_text("# comment\nspark.master\n")
    with pytest.raises(
        ConfError, match=r"conf/spark/test.conf, line 2: 'spark.master' has no value. Write `key v"
    ):
        spark_settings("test", home)


def test_java_logs_only_fatal_errors_unless_asked(home):
    assert "-Dkinfold.log.level=fatal" in java_options(home)
    assert "-Dkinfold.log.level=info" in java_options(home, is_verbose=True)


def test_a_session_of_another_owner_stays_open(spark, home):
    with job_session("x", "test", home=home) as session:
        assert session is spark
    assert spark.range(2).count() == 2
