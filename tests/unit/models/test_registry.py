"""registry: candidates and the champion. test_tracking.py has the rest, on a real MLflow."""

from types import SimpleNamespace

from pyspark.sql import types as T

from frames import at
from kinfold.models import registry

AS_OF = at("2026-03-31")
CHAMPION = registry.Champion("buys", 3, "run", AS_OF, ("x", "y"))


def metrics_with(monkeypatch, *, champion, columns):
    monkeypatch.setattr(registry, "find_champion", lambda tracking, *, name: champion)
    monkeypatch.setattr(registry, "load_model", lambda tracking, champion: champion.version)
    rows = SimpleNamespace(columns=columns)
    return registry.champion_metrics(
        None, rows, name="buys", evaluate=lambda model: {"version": model}
    )


def test_the_champion_is_evaluated_as_the_candidate_is(monkeypatch):
    metrics = metrics_with(monkeypatch, champion=CHAMPION, columns=["y", "x", "z"])
    assert metrics == {"version": 3}


def test_without_a_champion_there_are_no_metrics_to_compare_with(monkeypatch):
    assert metrics_with(monkeypatch, champion=None, columns=["x", "y"]) is None


def test_a_champion_that_reads_a_missing_column_is_not_evaluated(monkeypatch):
    assert metrics_with(monkeypatch, champion=CHAMPION, columns=["x"]) is None


class Recorder:
    """A run that returns what it is asked to register."""

    def register(self, model, **arguments):
        return model, arguments


def test_a_candidate_has_the_declared_types_of_its_columns_and_a_row_as_example(spark):
    declared = T.StructType(
        [
            T.StructField("other", T.StringType()),
            T.StructField("x", T.LongType(), nullable=False),
            T.StructField("y", T.DoubleType()),
        ]
    )
    rows = spark.createDataFrame([(1, None, "a")], "x int, y double, other string")
    shared = dict(
        name="buys", columns=("x", "y"), declared=declared, prediction_type="long", as_of=AS_OF
    )
    model, arguments = registry.register_candidate(Recorder(), "pipeline", rows, **shared)
    assert model == "pipeline"
    assert arguments == {
        "name": "buys",
        "inputs": T.StructType(declared.fields[1:]),
        "outputs": {"prediction": "long"},
        "example": {"x": 1, "y": None},
        "as_of": AS_OF,
    }
    _, arguments = registry.register_candidate(Recorder(), "pipeline", rows.limit(0), **shared)
    assert arguments["example"] == {}
