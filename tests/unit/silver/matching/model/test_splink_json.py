"""splink_json: the way to Splink and back; and Splink as the oracle."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.engine import match
from kinfold.silver.matching.files.truth import cluster_scores
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


def test_a_model_survives_splinks_json():
    again = from_splink(json.dumps(to_splink(MODEL, unique_id="id")))
    assert again.prior == pytest.approx(MODEL.prior)
    assert again.attributes == MODEL.attributes


def test_the_kind_of_a_foreign_comparison_must_be_said():
    content = to_splink(MODEL, unique_id="id")
    for comparison in content["comparisons"]:
        comparison["comparison_description"] = "JaroWinkler"
    with pytest.raises(ContractError, match="the kind of 'surname' is not known"):
        from_splink(json.dumps(content))
    kinds = {"surname": Kind.SURNAME, "sex": Kind.GENDER}
    assert from_splink(json.dumps(content), kinds=kinds).attributes == MODEL.attributes
    with pytest.raises(ContractError, match="'sex' has 2 levels beside null, a surname has 5"):
        from_splink(json.dumps(content), kinds=kinds | {"sex": Kind.SURNAME})


def test_another_text_is_refused():
    with pytest.raises(ContractError, match="cannot be read"):
        from_splink('{"comparisons": 3}')


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(Kind))
def test_splink_runs_every_kind_we_export(kind):
    """Splink parses the JSON, scores with it, and writes the same numbers back."""
    from splink import DuckDBAPI, Linker

    count = _level_count(kind)
    even = tuple([1 / count] * count)
    model = MatchModel(-3.0, (AttributeModel("a", kind, even, even, 0.1),), 0)
    values = normalised(kind, ["19800101", "19800102", "ann@x.org", "bob@x.org", None])
    table = pd.DataFrame({"id": range(5), "a": values})
    linker = Linker(DuckDBAPI().register(table), to_splink(model, unique_id="id"))
    linker.inference.predict()
    saved = linker.misc.save_model_to_json()
    assert from_splink(json.dumps(saved), kinds={"a": kind}).attributes[0].m_probabilities == even


def _level_count(kind):
    from kinfold.silver.matching.model.comparisons import COMPARISONS

    return COMPARISONS[kind].level_count


@pytest.mark.filterwarnings("ignore")
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
    assert theirs["f1"] > 0.85, "the rival must not be crippled"
    assert cluster_scores(truth, ours.labels)["f1"] >= theirs["f1"]


def _splink_clusters(records):
    """Splink with its comparison library, term frequencies and its usual training, at 0.95."""
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
        warnings.simplefilter("ignore")
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
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            links, threshold_match_probability=0.95
        ).as_pandas_dataframe()
    by_id = dict(zip(found["unique_id"], found["cluster_id"], strict=True))
    return np.asarray(pd.factorize(pd.Series([by_id[i] for i in records["unique_id"]]))[0])
