"""Conversion between a matching model and the settings JSON of Splink.

Splink lists the levels of a comparison from null over equality down to "else", each with a SQL
condition; a model of ours lists them from disagreement up to equality. The conversion keeps the
probabilities, the prior and the order of levels. It does not keep the conditions: Splink's SQL only
approximates some of our levels (shared words, further names), and an imported model gets our
conditions. Scores therefore differ a little. Splink has no class of non-matches for households: an
export leaves it out, and an imported model does not know households.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.comparisons import COMPARISONS
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    AttributeModel,
    MatchModel,
    probability,
    weight_at,
)

PRIOR_KEY = "probability_two_random_records_match"
_KIND_MARK = "kinfold kind "
_EQUALITY = re.compile(r"""["`]?(.+)_l["`]?\s*=\s*["`]?\1_r["`]?""")


def to_splink(model: MatchModel, *, unique_id: str) -> dict[str, Any]:
    """Splink settings (dialect DuckDB) for a table with one column per attribute, normalised.

    Args:
        unique_id: name of the column with the record's id.
    """
    return {
        "link_type": "dedupe_only",
        "sql_dialect": "duckdb",
        "unique_id_column_name": unique_id,
        PRIOR_KEY: float(probability(np.array([model.prior]))[0]),
        "retain_matching_columns": False,
        "blocking_rules_to_generate_predictions": [
            {
                "blocking_rule": f"l.{_quoted(one.name)} = r.{_quoted(one.name)}",
                "sql_dialect": "duckdb",
            }
            for one in model.attributes
        ],
        "comparisons": [_comparison(one) for one in model.attributes],
    }


def from_splink(
    text: str, *, kinds: Mapping[str, Kind] | None = None, where: str = "Splink settings"
) -> MatchModel:
    """The model in the JSON that Splink's `save_model_to_json` or `to_splink` writes.

    Args:
        kinds: the kind of each comparison by its name. A comparison that `to_splink` wrote does not
            need it.
        where: the beginning of an error message: where the text is from.

    Raises:
        ContractError: the text is not such JSON, the model is not trained, or a comparison cannot
            be expressed: its kind is unknown, or its levels are not those of the kind.
    """
    content = _content(text, where)
    try:
        attributes = tuple(_attribute(one, kinds or {}, where) for one in content["comparisons"])
        prior = _probability(content, PRIOR_KEY, where)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{where}: cannot be read (problem: {error}), expected the settings that Splink's "
            "save_model_to_json writes. Save the trained model again."
        ) from error
    if not 0 < prior < 1:
        raise ContractError(
            f"{where}: {PRIOR_KEY} is {prior}, expected a probability between 0 and 1. Estimate it "
            "in Splink."
        )
    return MatchModel(weight_at(prior), attributes, 0)


def _content(text: str, where: str) -> dict[str, Any]:
    """The settings as a dictionary, of a version and a link type that can be expressed."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ContractError(
            f"{where}: is not JSON ({error}). Name a file that Splink's save_model_to_json wrote."
        ) from error
    if not isinstance(content, dict) or "comparisons" not in content:
        if isinstance(content, dict) and "comparison_columns" in content:
            problem = "has the format of Splink 2. Train the model with Splink 3 or later"
        elif isinstance(content, dict) and str(content.get("format")).startswith("kinfold"):
            problem = f"is a '{content['format']}', not settings of Splink. Use --model"
        else:
            problem = "has no 'comparisons'. Name a file that Splink's save_model_to_json wrote"
        raise ContractError(f"{where}: {problem}.")
    link_type = content.get("link_type", "dedupe_only")
    if link_type != "dedupe_only":
        raise ContractError(
            f"{where}: link_type is {link_type}, expected dedupe_only, because the prior is "
            "that of two records of one file. Train the model on one file."
        )
    return content


def _attribute(content: Mapping[str, Any], kinds: Mapping[str, Kind], where: str) -> AttributeModel:
    name = content["output_column_name"]
    kind = _kind(name, content.get("comparison_description") or "", kinds, where)
    levels = [level for level in content["comparison_levels"] if not level.get("is_null_level")]
    _require_levels_of(kind, name, levels, where)
    lowest_first = levels[::-1]
    m_probabilities, u_probabilities = (
        tuple(_probability(level, key, where, of=name) for level in lowest_first)
        for key in ("m_probability", "u_probability")
    )
    return AttributeModel(
        name=name,
        kind=kind,
        m_probabilities=m_probabilities,
        u_probabilities=u_probabilities,
        chance_of_equal=u_probabilities[-1],
    )


def _kind(name: str, description: str, kinds: Mapping[str, Kind], where: str) -> Kind:
    """The kind in the description that `to_splink` wrote, which `kinds` must not contradict, or the
    one in `kinds`."""
    written = description.removeprefix(_KIND_MARK) if description.startswith(_KIND_MARK) else None
    if written is not None:
        kind = Kind(written)
        if kinds.get(name, kind) != kind:
            raise ContractError(
                f"{where}: '{name}' was learnt as {kind}, the map declares {kinds[name]}. Use the "
                "same kind."
            )
        return kind
    if name not in kinds:
        raise ContractError(
            f"{where}: the kind of the comparison '{name}' is not known, expected one of "
            f"{', '.join(Kind)}. Declare an attribute '{name}' with its kind."
        )
    return kinds[name]


def _require_levels_of(
    kind: Kind, name: str, levels: Sequence[Mapping[str, Any]], where: str
) -> None:
    comparison = COMPARISONS[kind]
    if len(levels) != comparison.level_count:
        raise ContractError(
            f"{where}: '{name}' has {len(levels)} levels besides null, a {kind} has "
            f"{comparison.level_count}: {', '.join(comparison.labels)}. Use the same levels, or "
            "another kind."
        )
    first, last = (str(level["sql_condition"]).strip() for level in (levels[0], levels[-1]))
    if not _EQUALITY.fullmatch(first):
        raise ContractError(
            f"{where}: the first level of '{name}' is {first}, expected equality of the two "
            "values. Start the comparison with an exact match."
        )
    if last.upper() != "ELSE":
        raise ContractError(
            f"{where}: the last level of '{name}' is {last}, expected ELSE. Order the levels from "
            "equality down."
        )


def _probability(
    content: Mapping[str, Any], key: str, where: str, *, of: str | None = None
) -> float:
    value = content.get(key)
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    level = "" if of is None else f" of level '{content.get('label_for_charts')}' of '{of}'"
    raise ContractError(
        f"{where}: {key}{level} is {value}, expected a probability. Train the model "
        "in Splink first."
    )


def _comparison(attribute: AttributeModel) -> dict[str, Any]:
    left, right = _quoted(f"{attribute.name}_l"), _quoted(f"{attribute.name}_r")
    comparison = COMPARISONS[attribute.kind]
    conditions = [
        "ELSE",
        *(rule.format(l=left, r=right) for rule in _SQL[attribute.kind]),
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
        settings: dict[str, Any] = {
            "sql_condition": conditions[level],
            "label_for_charts": comparison.labels[level],
            "m_probability": attribute.m_probabilities[level],
            "u_probability": attribute.u_probabilities[level],
        }
        if level == comparison.equal and comparison.is_frequency_adjusted:
            settings |= {"tf_adjustment_column": attribute.name, "tf_adjustment_weight": 1.0}
        levels.append(settings)
    return {
        "output_column_name": attribute.name,
        "comparison_levels": levels,
        "comparison_description": f"{_KIND_MARK}{attribute.kind}",
    }


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _jaro_winkler(*limits: float) -> tuple[str, ...]:
    return tuple(f"jaro_winkler_similarity({{l}}, {{r}}) >= {limit}" for limit in limits)


def _edits(*limits: int) -> tuple[str, ...]:
    return tuple(f"damerau_levenshtein({{l}}, {{r}}) <= {limit}" for limit in limits)


def _local_parts(*limits: float) -> tuple[str, ...]:
    left, right = "split_part({l}, '@', 1)", "split_part({r}, '@', 1)"
    close = tuple(f"jaro_winkler_similarity({left}, {right}) >= {limit}" for limit in limits)
    return (*close, f"{left} = {right}")


# Conditions of the levels between disagreement and equality, from the loosest to the closest.
_SQL: dict[Kind, tuple[str, ...]] = {
    Kind.GIVEN_NAME: _jaro_winkler(0.75, 0.85, 0.92),
    Kind.SURNAME: _jaro_winkler(0.75, 0.85, 0.92),
    Kind.FULL_NAME: _jaro_winkler(0.75, 0.92),
    Kind.BIRTH_DATE: ("left({l}, 4) = left({r}, 4)", *_edits(2, 1)),
    Kind.POSTCODE: (
        "left({l}, 2) = left({r}, 2)",
        "left({l}, 3) = left({r}, 3)",
        *_edits(1),
    ),
    Kind.PLACE: _jaro_winkler(0.8, 0.92),
    Kind.ADDRESS: _jaro_winkler(0.88, 0.95),
    Kind.HOUSE_NUMBER: _edits(1),
    Kind.PHONE: (*_edits(1), "right({l}, 7) = right({r}, 7)"),
    Kind.EMAIL: _local_parts(0.85, 0.92),
    Kind.GENDER: (),
    Kind.TEXT: _jaro_winkler(0.92),
    Kind.CODE: _edits(2, 1),
}
