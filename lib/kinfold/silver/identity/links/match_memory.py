"""The model of fuzzy matching and its compared pairs, kept from run to run.

The model is learnt once and kept in silver.match_models, also by a rebuild. It is learnt again when
the attributes, the training settings, the code of matching or the key of the lake change, or when
the number of different records has changed by more than `training.relearn_at`. The score of a pair
depends only on its two records and the model, so silver.match_pairs keeps it, and a run compares
only pairs that are new.
"""

import hashlib
import json

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from kinfold.core.arrays import Flags, Ints
from kinfold.core.errors import ContractError
from kinfold.core.rules import code_version
from kinfold.runtime.arrow_frames import columns_of, local_frame
from kinfold.runtime.job import JobRun
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.model.parameters import MatchModel
from kinfold.silver.matching.records import Terms
from kinfold.silver.matching.scored_pairs import MatchMemory, ScoredPairs, positions_of
from kinfold.silver.matching.settings import MatchingSettings
from kinfold.tables import silver
from kinfold.tables.collected import first_row

_ENDS = ("left_record", "right_record")


def match_salt(keyed: KeyedHash) -> str:
    """The secret text for hashes of records and values that are stored."""
    return keyed.text("kinfold: fuzzy matching")


def _learning_rules(run: JobRun, settings: MatchingSettings) -> str:
    """Short hash of everything but the records that a model depends on."""
    attributes = list(run.settings.identity.match.items())
    training = settings.training.model_dump(exclude={"relearn_at"})
    code = code_version("kinfold.silver.matching")
    content = json.dumps([attributes, training, code, run.lake.keyed_hash.check])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def stored_memory(run: JobRun, settings: MatchingSettings) -> MatchMemory | None:
    """The kept model with the pairs that it has scored; null if it must be learnt again.

    Without pairs if a rebuild is due.
    """
    row = first_row(run.lake.read_or_empty(silver.MATCH_MODELS))
    if row is None or row["learning_rules"] != _learning_rules(run, settings):
        return None
    try:
        model = MatchModel.from_json(row["model"], where=silver.MATCH_MODELS.name)
    except ContractError:  # of another version
        return None
    terms = Terms(
        np.array(row["terms"], np.int64),
        np.array(row["term_frequencies"], np.float64),
        tuple(row["frequency_of_others"]),
        tuple(row["chances_of_equal"]),
    )
    none = ScoredPairs.none()
    memory = MatchMemory(
        model, terms, row["record_count"], none.left, none.right, none.pattern, none.rarity
    )
    if run.is_rebuild:
        return memory
    pairs = run.lake.read_or_empty(silver.MATCH_PAIRS)
    columns = columns_of(
        pairs.where(pairs["model_version"] == model.version).select(*_ENDS, "pattern", "rarity")
    )
    return memory.with_pairs(
        columns["left_record"], columns["right_record"], columns["pattern"], columns["rarity"]
    )


def publish_memory(run: JobRun, matching: Matching) -> None:
    """Keep the model of a matching, if it was learnt now, and the pairs that it compared.

    It comes after the links were published: a run that is killed before finds the same new pairs.
    """
    now, before = matching.memory, matching.used_memory
    assert now is not None
    if before is None or not len(before.left):
        run.lake.replace(silver.MATCH_PAIRS, _pair_rows(run, now, None))
    else:
        is_new, is_gone = changed_pairs(now, before)
        if is_new.any() or is_gone.any():
            gone = pa.table(
                dict(zip(_ENDS, (before.left[is_gone], before.right[is_gone]), strict=True))
            )
            run.lake.upsert(
                silver.MATCH_PAIRS,
                _pair_rows(run, now, is_new),
                deleted=local_frame(run.spark, gone) if is_gone.any() else None,
                are_new=not is_gone.any(),
            )
    if before is None:
        row = {
            "model_version": now.model.version,
            "learning_rules": _learning_rules(run, matching.settings),
            "learnt_at": run.lake.started_at,
            "record_count": now.records,
            "model": now.model.to_json(),
            "terms": now.terms.hashes.tolist(),
            "term_frequencies": now.terms.frequencies.tolist(),
            "frequency_of_others": list(now.terms.frequency_of_others),
            "chances_of_equal": list(now.terms.chances_of_equal),
        }
        run.lake.replace(silver.MATCH_MODELS, silver.MATCH_MODELS.frame(run.spark, row))


def changed_pairs(now: MatchMemory, before: MatchMemory) -> tuple[Flags, Flags]:
    """Which pairs are new, and which of those before are gone."""
    numbers = np.concatenate([now.left, now.right, before.left, before.right])
    numbers.sort()
    numbers = numbers[np.diff(numbers, prepend=~numbers[:1]) != 0]
    ours, theirs = (_codes(memory, numbers) for memory in (now, before))
    return _is_absent(ours, theirs), _is_absent(theirs, ours)


def _codes(memory: MatchMemory, numbers: Ints) -> Ints:
    left, right = (positions_of(numbers, end) for end in (memory.left, memory.right))
    return (left << 32) | right


def _is_absent(codes: Ints, others: Ints) -> Flags:
    if not len(others):
        return np.ones(len(codes), dtype=bool)
    return positions_of(np.sort(others), codes) < 0


def _pair_rows(run: JobRun, memory: MatchMemory, chosen: Flags | None) -> DataFrame:
    """Rows of silver.match_pairs; null = of all pairs."""
    columns = (memory.left, memory.right, memory.pattern, memory.rarity)
    left, right, pattern, rarity = (
        column if chosen is None else column[chosen] for column in columns
    )
    return local_frame(
        run.spark,
        pa.table(
            {
                "left_record": left,
                "right_record": right,
                "pattern": pattern,
                "rarity": rarity.astype(np.float32),
                "model_version": pa.array([memory.model.version] * len(left), pa.string()),
            }
        ),
    )
