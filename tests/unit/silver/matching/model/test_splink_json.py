"""splink_json: conversion to Splink and back; and Splink as a reference."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.engine import match
from kinfold.silver.matching.files.truth import cluster_scores
from kinfold.silver.matching.model.comparisons import COMPARISONS
from kinfold.silver.matching.model.kinds import Kind, normalised
from kinfold.silver.matching.model.parameters import AttributeModel, MatchModel
from kinfold.silver.matching.model.splink_json import from_splink, to_splink
from kinfold.silver.matching.settings import MatchingSettings
from project import shared_data

SURNAME = AttributeModel(
    "surname", Kind.SURNAME, (0.1, 0.1, 0.1, 0.2, 0.5), (0.9, 0.04, 0.03, 0.02, 0.01), 0.01
)
GENDER = AttributeModel("sex", Kind.GENDER, (0.1, 0.9), (0.5, 0.5), 0.5)
MODEL = MatchModel(-9.5, (SURNAME, GENDER), 0)


def test_a_model_survives_export_and_import():
    again = from_splink(json.dumps(to_splink(MODEL, unique_id="id")))
    assert again.prior == pytest.approx(MODEL.prior)
    assert again.attributes == MODEL.attributes


def test_the_kind_of_a_comparison_that_splink_made_must_be_declared():
    content = to_splink(MODEL, unique_id="id")
    for comparison in content["comparisons"]:
        comparison["comparison_description"] = "JaroWinkler"
    with pytest.raises(ContractError, match="the kind of the comparison 'surname' is not known"):
        from_splink(json.dumps(content))
    kinds = {"surname": Kind.SURNAME, "sex": Kind.GENDER}
    assert from_splink(json.dumps(content), kinds=kinds).attributes == MODEL.attributes
    with pytest.raises(ContractError, match="'sex' has 2 levels besides null, a surname has 5"):
        from_splink(json.dumps(content), kinds=kinds | {"sex": Kind.SURNAME})


def changed(change):
    """The exported model as text, after a change to its content."""
    content = to_splink(MODEL, unique_id="id")
    change(content)
    return json.dumps(content)


def surname_level(content, number):
    return content["comparisons"][0]["comparison_levels"][number]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "has no 'comparisons'. Name a file that Splink's save_model_to_json wrote"),
        ('{"comparisons": 3}', "cannot be read .problem: 'int' object is not iterable"),
        ('{"comparisons": [{}]}', "cannot be read .problem: 'output_column_name'"),
        ('{"comparison_columns": []}', "has the format of Splink 2"),
        ('{"format": "kinfold matching model 1"}', "not settings of Splink. Use --model"),
        (
            changed(lambda content: content.update(link_type="link_only")),
            "link_type is link_only, expected dedupe_only",
        ),
        (
            changed(lambda content: content.pop("probability_two_random_records_match")),
            "probability_two_random_records_match is None, expected a probability",
        ),
        (
            changed(lambda content: content.update(probability_two_random_records_match=1)),
            "probability_two_random_records_match is 1.0, expected a probability between 0 and 1",
        ),
        (
            changed(lambda content: surname_level(content, 2).pop("m_probability")),
            "m_probability of level 'Jaro-Winkler 0.92' of 'surname' is None, expected a probab",
        ),
        (
            changed(lambda content: surname_level(content, 2).update(u_probability=1.5)),
            "u_probability of level 'Jaro-Winkler 0.92' of 'surname' is 1.5",
        ),
        (
            changed(lambda content: surname_level(content, 2).update(m_probability="not observed")),
            "'surname' is not observed, expected a probability",
        ),
        (
            changed(lambda content: surname_level(content, 1).update(sql_condition="a_l = b_r")),
            "the first level of 'surname' is a_l = b_r, expected equality",
        ),
        (
            changed(lambda content: surname_level(content, -1).update(sql_condition="1 = 1")),
            "the last level of 'surname' is 1 = 1, expected ELSE",
        ),
        (
            changed(lambda content: content["comparisons"][0]["comparison_levels"].pop(2)),
            "'surname' has 4 levels besides null, a surname has 5",
        ),
        (
            changed(lambda c: c["comparisons"][0].update(comparison_description="kinfold kind x")),
            "cannot be read .problem: 'x' is not a valid Kind",
        ),
    ],
)
def test_a_model_that_cannot_be_expressed_is_one_clear_line(text, message):
    with pytest.raises(ContractError, match=f"^model.json: .*{message}") as raised:
        from_splink(text, where="model.json")
    assert "\n" not in str(raised.value)


def test_a_kind_that_contradicts_the_export_is_refused():
    text = json.dumps(to_splink(MODEL, unique_id="id"))
    with pytest.raises(ContractError, match="'surname' was learnt as surname, the map declares gi"):
        from_splink(text, kinds={"surname": Kind.GIVEN_NAME})


def test_a_quote_in_a_name_stays_inside_the_name():
    model = MatchModel(-1.0, (AttributeModel('a"b', Kind.GENDER, (0.1, 0.9), (0.5, 0.5), 0.5),), 0)
    content = to_splink(model, unique_id="id")
    assert content["blocking_rules_to_generate_predictions"][0]["blocking_rule"] == (
        'l."a""b" = r."a""b"'
    )
    assert from_splink(json.dumps(content)).attributes == model.attributes


def saved_by_splink(*, is_trained):
    """The settings JSON of a model that Splink's own comparison library made."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    surname = cl.JaroWinklerAtThresholds("surname", [0.92, 0.85, 0.75])
    sex = cl.ExactMatch("sex")
    if is_trained:
        surname.configure(
            m_probabilities=[0.5, 0.2, 0.1, 0.1, 0.1], u_probabilities=[0.01, 0.02, 0.03, 0.04, 0.9]
        )
        sex.configure(m_probabilities=[0.9, 0.1], u_probabilities=[0.5, 0.5])
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        probability_two_random_records_match=0.1,
        comparisons=[surname, sex],
        blocking_rules_to_generate_predictions=[block_on("surname")],
    )
    table = pd.DataFrame({"id": [1, 2], "surname": ["lee", "ray"], "sex": ["m", "f"]})
    return json.dumps(Linker(DuckDBAPI().register(table), settings).misc.save_model_to_json())


KINDS = {"surname": Kind.SURNAME, "sex": Kind.GENDER}


@pytest.mark.filterwarnings("ignore")  # Splink and DuckDB use deprecated functions
def test_a_model_that_splink_saved_is_read():
    model = from_splink(saved_by_splink(is_trained=True), kinds=KINDS)
    assert model.attributes == MODEL.attributes
    assert model.prior == pytest.approx(-np.log2(9))


@pytest.mark.filterwarnings("ignore")  # Splink and DuckDB use deprecated functions
def test_a_model_that_splink_has_not_trained_is_refused():
    message = "m_probability of level 'All other comparisons' of 'surname' is None"
    with pytest.raises(ContractError, match=message):
        from_splink(saved_by_splink(is_trained=False), kinds=KINDS)


@pytest.mark.filterwarnings("ignore")  # Splink and DuckDB use deprecated functions
@pytest.mark.parametrize("kind", list(Kind))
def test_splink_runs_every_kind_we_export(kind):
    """Splink parses the JSON, scores with it, and writes the same numbers back."""
    from splink import DuckDBAPI, Linker

    count = COMPARISONS[kind].level_count
    even = tuple([1 / count] * count)
    model = MatchModel(-3.0, (AttributeModel("a", kind, even, even, 0.1),), 0)
    values = normalised(kind, ["19800101", "19800102", "ann@x.org", "bob@x.org", None])
    table = pd.DataFrame({"id": range(5), "a": values})
    linker = Linker(DuckDBAPI().register(table), to_splink(model, unique_id="id"))
    linker.inference.predict()
    saved = linker.misc.save_model_to_json()
    assert from_splink(json.dumps(saved), kinds={"a": kind}).attributes[0].m_probabilities == even


@pytest.mark.filterwarnings("ignore")  # Splink and DuckDB use deprecated functions
def test_we_are_at_least_as_good_as_splink_on_the_same_people(spark):
    records = (
        pd.read_csv(shared_data("identity/fake_1000.csv"), dtype=str)
        .sample(frac=1, random_state=5)
        .reset_index(drop=True)
    )
    truth = pd.factorize(records["cluster"])[0]
    kinds = {
        "first_name": Kind.GIVEN_NAME,
        "surname": Kind.SURNAME,
        "dob": Kind.BIRTH_DATE,
        "city": Kind.PLACE,
        "email": Kind.EMAIL,
    }
    theirs = cluster_scores(truth, _splink_clusters(records.drop(columns=["cluster"])))
    plain = records[list(kinds)].astype(object)
    keyed = plain.where(plain.notna(), None)
    keyed.columns = [f"v{n}" for n in range(len(kinds))]
    keyed.insert(0, "record_key", [f"{n:04}" for n in range(len(keyed))])
    ours = match(
        spark.createDataFrame(keyed, schema=", ".join(f"{c} string" for c in keyed.columns)),
        names=list(kinds),
        kinds=list(kinds.values()),
        settings=MatchingSettings(),
    )
    assert theirs["f1"] > 0.85, "Splink is not set up well"
    assert cluster_scores(truth, ours.labels)["f1"] >= theirs["f1"]


def _splink_clusters(records):
    """Clusters of Splink with its comparison library, term frequencies and threshold 0.95."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("first_name", "city"),
            block_on("surname"),
            block_on("dob"),
            block_on("email"),
        ],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Splink and DuckDB use deprecated functions
        linker = Linker(DuckDBAPI().register(records), settings)
        training = linker.training
        training.estimate_probability_two_random_records_match(
            [block_on("first_name", "surname"), block_on("email")], recall=0.7
        )
        training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        training.estimate_parameters_using_expectation_maximisation(
            block_on("first_name", "surname")
        )
        training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
        links = linker.inference.predict(threshold_match_probability=0.01)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            links, threshold_match_probability=0.95
        ).as_pandas_dataframe()
    by_id = dict(zip(clusters["unique_id"], clusters["cluster_id"], strict=True))
    return np.asarray(pd.factorize(pd.Series([by_id[i] for i in records["unique_id"]]))[0])
