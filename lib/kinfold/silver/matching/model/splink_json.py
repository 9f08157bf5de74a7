"""A model as Splink's settings JSON, and back.

Splink keeps a comparison's levels from "one is missing" over equality down to "else", each with an
SQL condition; ours run from disagreement up. Weights, prior and the order of the levels survive the
way there and back. Splink's SQL only comes close to some of our levels (shared words, the rarity of
close values), so its scores differ a little.
"""

import json
from collections.abc import Mapping
from typing import Any

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.comparisons import COMPARISONS
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    AttributeModel,
    MatchModel,
    probability,
    weight_at,
)

_KIND_MARK = "kinfold kind "


def to_splink(model: MatchModel, *, unique_id: str) -> dict[str, Any]:
    """Splink settings (dialect DuckDB) over normalised columns named like the attributes.

    Args:
        unique_id: name of the column with the record's id.
    """
    share = float(probability(_array(model.prior))[0])
    return {
        "link_type": "dedupe_only",
        "sql_dialect": "duckdb",
        "unique_id_column_name": unique_id,
        "probability_two_random_records_match": share,
        "retain_matching_columns": False,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f'l."{one.name}" = r."{one.name}"', "sql_dialect": "duckdb"}
            for one in model.attributes
        ],
        "comparisons": [_comparison(one) for one in model.attributes],
    }


def from_splink(text: str, *, kinds: Mapping[str, Kind] | None = None) -> MatchModel:
    """The model in Splink's settings JSON.

    Args:
        kinds: of comparisons by name, where the JSON was not written by `to_splink`.

    Raises:
        ContractError: not Splink's JSON, an unknown kind, or a comparison whose levels are not as
            many as ours of that kind.
    """
    try:
        content = json.loads(text)
        comparisons = content["comparisons"]
        attributes = tuple(_attribute(one, kinds or {}) for one in comparisons)
        prior = weight_at(float(content["probability_two_random_records_match"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"Splink settings: cannot be read (problem: {error}), expected what Splink's "
            "save_model_to_json writes, with m and u of every level. Train the model first."
        ) from error
    return MatchModel(prior, attributes, 0)


def _attribute(one: Mapping[str, Any], kinds: Mapping[str, Kind]) -> AttributeModel:
    name = one["output_column_name"]
    told = one.get("comparison_description") or ""
    if name in kinds:
        kind = kinds[name]
    elif told.startswith(_KIND_MARK):
        kind = Kind(told.removeprefix(_KIND_MARK))
    else:
        raise ContractError(
            f"Splink settings: the kind of '{name}' is not known, expected one of "
            f"{', '.join(Kind)}. Say it in `kinds`."
        )
    levels = [level for level in one["comparison_levels"] if not level.get("is_null_level")]
    if len(levels) != COMPARISONS[kind].level_count:
        raise ContractError(
            f"Splink settings: '{name}' has {len(levels)} levels beside null, a {kind} has "
            f"{COMPARISONS[kind].level_count}: {', '.join(COMPARISONS[kind].labels)}. Use the same "
            "levels."
        )
    closest_last = levels[::-1]
    strangers = tuple(float(level["u_probability"]) for level in closest_last)
    return AttributeModel(
        name=name,
        kind=kind,
        matched=tuple(float(level["m_probability"]) for level in closest_last),
        strangers=strangers,
        chance_of_equal=strangers[-1],
    )


def _comparison(one: AttributeModel) -> dict[str, Any]:
    left, right = f'"{one.name}_l"', f'"{one.name}_r"'
    comparison = COMPARISONS[one.kind]
    conditions = [
        "ELSE",
        *(rule.format(l=left, r=right) for rule in _SQL[one.kind]),
        f"{left} = {right}",
    ]
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"{left} IS NULL OR {right} IS NULL",
            "label_for_charts": "one is missing",
            "is_null_level": True,
        }
    ]
    for level in range(comparison.equal, -1, -1):
        stated: dict[str, Any] = {
            "sql_condition": conditions[level],
            "label_for_charts": comparison.labels[level],
            "m_probability": one.matched[level],
            "u_probability": one.strangers[level],
        }
        if level == comparison.equal and comparison.is_frequency_adjusted:
            stated |= {"tf_adjustment_column": one.name, "tf_adjustment_weight": 1.0}
        levels.append(stated)
    return {
        "output_column_name": one.name,
        "comparison_levels": levels,
        "comparison_description": f"{_KIND_MARK}{one.kind}",
    }


def _array(value: float) -> Any:
    import numpy as np

    return np.array([value])


_CLOSE = "jaro_winkler_similarity({{{{l}}}}, {{{{r}}}}) >= {}"
_EDITS = "damerau_levenshtein({{{{l}}}}, {{{{r}}}}) <= {}"
_LOCAL = "jaro_winkler_similarity(split_part({{l}}, '@', 1), split_part({{r}}, '@', 1)) >= {}"


def _closeness(*limits: float) -> tuple[str, ...]:
    return tuple(_CLOSE.format(limit) for limit in limits)


def _plain(*templates: str) -> tuple[str, ...]:
    return tuple(template.replace("{{", "{").replace("}}", "}") for template in templates)


# Conditions of the levels between disagreement and equality, from the loosest to the closest.
_SQL: dict[Kind, tuple[str, ...]] = {
    Kind.GIVEN_NAME: _plain(*_closeness(0.75, 0.85, 0.92)),
    Kind.SURNAME: _plain(*_closeness(0.75, 0.85, 0.92)),
    Kind.FULL_NAME: _plain(*_closeness(0.75, 0.92)),
    Kind.BIRTH_DATE: (
        "left({l}, 4) = left({r}, 4)",
        "damerau_levenshtein({l}, {r}) <= 2",
        "damerau_levenshtein({l}, {r}) <= 1",
    ),
    Kind.POSTCODE: (
        "left({l}, 2) = left({r}, 2)",
        "left({l}, 3) = left({r}, 3)",
        "damerau_levenshtein({l}, {r}) <= 1",
    ),
    Kind.PLACE: _plain(*_closeness(0.8, 0.92)),
    Kind.ADDRESS: _plain(*_closeness(0.88, 0.95)),
    Kind.HOUSE_NUMBER: _plain(_EDITS.format(1)),
    Kind.PHONE: (*_plain(_EDITS.format(1)), "right({l}, 7) = right({r}, 7)"),
    Kind.EMAIL: (
        *_plain(_LOCAL.format(0.85), _LOCAL.format(0.92)),
        "split_part({l}, '@', 1) = split_part({r}, '@', 1)",
    ),
    Kind.GENDER: (),
    Kind.TEXT: _plain(*_closeness(0.92)),
    Kind.CODE: _plain(_EDITS.format(2), _EDITS.format(1)),
}
