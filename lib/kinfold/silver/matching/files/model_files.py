"""Model files: a model.json of an earlier run, and settings of Splink to read or to write."""

import json
from pathlib import Path

from kinfold.core.errors import ConfError, ContractError
from kinfold.core.log import say
from kinfold.silver.matching.files.person_files import write_json
from kinfold.silver.matching.model.parameters import MatchModel
from kinfold.silver.matching.model.splink_json import PRIOR_KEY, from_splink, to_splink
from kinfold.silver.matching.records import RECORD_KEY
from kinfold.silver.matching.settings import PersonMap


def read_model(path: Path, mapping: PersonMap) -> MatchModel:
    """The model in a model.json, for the attributes of the map.

    Raises:
        ConfError: there is no such file, or its model has other kinds than the map.
        ContractError: the file is not a model of this version.
    """
    where = f"--model {path}"
    model = MatchModel.from_json(
        _text(path, where, expected="a model.json of an earlier run"), where=where
    )
    if model.kinds != mapping.kinds:
        raise ConfError(
            f"{where}: was learnt for the kinds {', '.join(model.kinds)}, the map has "
            f"{', '.join(mapping.kinds)}. Use a model of this map, or leave --model out."
        )
    return model


def read_splink_model(path: Path, mapping: PersonMap) -> MatchModel:
    """The model in a settings JSON of Splink, its attributes in the order of the map.

    The comparison of an attribute has the attribute's name (`output_column_name`).

    Raises:
        ConfError: there is no such file, or its comparisons are not the attributes of the map.
        ContractError: the file is not a trained model of Splink, or a comparison of it cannot be
            expressed.
    """
    where = f"--import-splink {path}"
    kinds = {name: attribute.kind for name, attribute in mapping.attributes.items()}
    model = from_splink(
        _text(path, where, expected="the file of Splink's save_model_to_json"),
        kinds=kinds,
        where=where,
    )
    names = [attribute.name for attribute in model.attributes]
    if sorted(names) != sorted(kinds):
        raise ConfError(
            f"{where}: has the comparisons {', '.join(names)}, the map has the attributes "
            f"{', '.join(kinds)}. Name the attributes of the map like the comparisons, one for "
            "each."
        )
    by_name = {attribute.name: attribute for attribute in model.attributes}
    return MatchModel(model.prior, tuple(by_name[name] for name in kinds), model.pairs)


def require_splink_output(path: Path) -> None:
    """Check that the file to export to is new, or holds settings of Splink and can be replaced.

    Raises:
        ConfError: something else is there.
    """
    if not path.exists():
        return
    try:
        is_splink = path.is_file() and PRIOR_KEY in json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError):
        is_splink = False
    if not is_splink:
        raise ConfError(
            f"--export-splink {path}: exists already and is not a settings JSON of Splink. Name a "
            "new file."
        )


def write_splink_model(path: Path, model: MatchModel, mapping: PersonMap) -> None:
    """Write the model as settings JSON of Splink, and say what it cannot express.

    The unique id is the map's record_id, or record_key (a column of people.parquet) without one.
    """
    write_json(path, to_splink(model, unique_id=mapping.record_id or RECORD_KEY))
    if model.household_prior is not None:
        say(
            f"  --export-splink {path}: Splink has no class of non-matches for households, so it "
            "is left out. Splink will take more couples, twins and siblings for one person"
        )


def _text(path: Path, where: str, *, expected: str) -> str:
    if not path.is_file():
        raise ConfError(f"{where}: does not exist. Name {expected}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"{where}: is not UTF-8 text. Name {expected}.") from error
