"""model_files: models of earlier runs and of Splink."""

import json
from dataclasses import replace

import pytest

from kinfold.core.errors import ConfError, ContractError
from kinfold.silver.matching.files.model_files import (
    read_model,
    read_splink_model,
    require_splink_output,
    write_splink_model,
)
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import AttributeModel, MatchModel
from kinfold.silver.matching.settings import Attribute, PersonMap

SEX = AttributeModel("sex", Kind.GENDER, (0.1, 0.9), (0.5, 0.5), 0.5)
HOUSE = AttributeModel("house", Kind.HOUSE_NUMBER, (0.1, 0.1, 0.8), (0.9, 0.05, 0.05), 0.05)
MODEL = MatchModel(-9.5, (SEX, HOUSE), 0)


def person_map(*, record_id=None, **kinds):
    attributes = {name: Attribute(kind=kind, column=name) for name, kind in kinds.items()}
    return PersonMap(record_id=record_id, attributes=attributes)


MAP = person_map(sex=Kind.GENDER, house=Kind.HOUSE_NUMBER)


def test_a_model_json_is_read_for_a_map_of_its_kinds(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(MODEL.to_json())
    assert read_model(path, MAP) == MODEL
    with pytest.raises(ConfError, match="was learnt for the kinds gender, house_number, the map"):
        read_model(path, person_map(sex=Kind.GENDER))


def test_an_exported_model_is_read_back_in_the_order_of_the_map(tmp_path):
    path = tmp_path / "new" / "splink.json"
    write_splink_model(path, MODEL, MAP)
    model = read_splink_model(path, person_map(house=Kind.HOUSE_NUMBER, sex=Kind.GENDER))
    assert model.attributes == (HOUSE, SEX)
    assert model.prior == pytest.approx(-9.5)


def test_an_export_says_that_splink_does_not_know_households(tmp_path, capsys):
    write_splink_model(tmp_path / "plain.json", MODEL, MAP)
    assert "households" not in capsys.readouterr().err
    members = [replace(one, household_probabilities=one.u_probabilities) for one in (SEX, HOUSE)]
    model = MatchModel(-9.5, tuple(members), 0, household_prior=-9.0)
    write_splink_model(tmp_path / "splink.json", model, MAP)
    assert "no class of non-matches for households, so it is left out" in capsys.readouterr().err
    assert read_splink_model(tmp_path / "splink.json", MAP).household_prior is None


def test_the_unique_id_is_that_of_the_map_or_the_record_key(tmp_path):
    for record_id, expected in (("no", "no"), (None, "record_key")):
        path = tmp_path / f"{expected}.json"
        mapping = person_map(record_id=record_id, sex=Kind.GENDER, house=Kind.HOUSE_NUMBER)
        write_splink_model(path, MODEL, mapping)
        assert json.loads(path.read_text())["unique_id_column_name"] == expected


@pytest.mark.parametrize(
    "kinds", [{"sex": Kind.GENDER}, {"sex": Kind.GENDER, "number": Kind.HOUSE_NUMBER}]
)
def test_the_comparisons_must_be_the_attributes_of_the_map(tmp_path, kinds):
    path = tmp_path / "splink.json"
    write_splink_model(path, MODEL, MAP)
    with pytest.raises(ConfError, match="has the comparisons sex, house, the map has the attrib"):
        read_splink_model(path, person_map(**kinds))


@pytest.mark.parametrize("read", [read_model, read_splink_model])
def test_a_file_that_is_missing_or_not_text_is_named_with_its_option(tmp_path, read):
    path = tmp_path / "model"
    with pytest.raises(ConfError, match=r"^--(model|import-splink) .*model: does not exist"):
        read(path, MAP)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ContractError, match=r"^--(model|import-splink) .*model: is not UTF-8"):
        read(path, MAP)


def test_an_export_replaces_only_settings_of_splink(tmp_path):
    path = tmp_path / "splink.json"
    require_splink_output(path)
    write_splink_model(path, MODEL, MAP)
    require_splink_output(path)
    for other in ("mine", "3", "{}", '["probability"]'):
        path.write_text(other)
        with pytest.raises(ConfError, match="exists already and is not a settings JSON of Splink"):
            require_splink_output(path)
    with pytest.raises(ConfError, match="exists already"):
        require_splink_output(tmp_path)
