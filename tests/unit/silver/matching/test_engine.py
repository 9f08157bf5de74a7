"""engine: links and profiles of small inputs."""

from random import Random

import numpy as np
import pytest

from frames import assert_rows
from kinfold.core.errors import ContractError
from kinfold.silver.matching.blocking import BlockingReport
from kinfold.silver.matching.clustering import OUTWEIGHED, TOO_LARGE
from kinfold.silver.matching.engine import (
    Matching,
    levels_of_random_pairs,
    match,
    random_pair_levels,
    scored_links,
)
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import AttributeModel, MatchModel
from kinfold.silver.matching.records import comparable_records
from kinfold.silver.matching.settings import (
    Attribute,
    BlockingConf,
    ClusteringConf,
    MatchingSettings,
    PersonMap,
    TrainingConf,
)

MAPPING = PersonMap(
    record_id="no",
    attributes={
        "last": Attribute(kind=Kind.SURNAME, column="a.b"),
        "mail": Attribute(kind=Kind.EMAIL, column="by"),
    },
)
SCHEMA = "no string, `a.b` string, by string"


def test_a_single_record_is_a_profile_of_its_own(spark):
    frame = spark.createDataFrame([("1", "lee", "l@x.org")], schema=SCHEMA)
    matching = scored_links(frame, mapping=MAPPING, settings=MatchingSettings())
    assert list(matching.labels) == [0]
    assert matching.links().count() == 0


def test_links_name_the_records_and_an_earlier_model_is_used(spark):
    people = [(f"{n}", f"name{n // 2:03}", f"p{n // 2}@mail.org") for n in range(60)]
    frame = spark.createDataFrame(people, schema=SCHEMA)
    settings = MatchingSettings(blocking=BlockingConf(compare_all_up_to=0))
    matching = scored_links(frame, mapping=MAPPING, settings=settings)
    linked = matching.links().where("status = 'linked'").collect()
    pairs = {
        frozenset((int(row["left_record_key"]), int(row["right_record_key"]))) for row in linked
    }
    assert pairs == {frozenset((n, n + 1)) for n in range(0, 60, 2)}
    again = scored_links(frame, mapping=MAPPING, settings=settings, model=matching.model)
    assert again.model is matching.model
    assert outcome(again) == outcome(matching)


def test_too_many_pairs_stop_the_run_before_they_are_scored(spark):
    people = [(f"{n}", "lee", f"l{n}@x.org") for n in range(40)]
    settings = MatchingSettings(blocking=BlockingConf(max_pairs_per_record=1))
    with pytest.raises(ContractError, match="780 candidate pairs for 40 records, allowed are 40"):
        scored_links(
            spark.createDataFrame(people, schema=SCHEMA), mapping=MAPPING, settings=settings
        )


def test_a_mapping_without_an_id_is_an_error(spark):
    mapping = PersonMap(attributes={"last": Attribute(kind=Kind.SURNAME, column="no")})
    with pytest.raises(ValueError, match="has no record_id"):
        scored_links(
            spark.createDataFrame([], schema=SCHEMA), mapping=mapping, settings=MatchingSettings()
        )


def test_no_records_are_an_error(spark):
    empty = spark.createDataFrame([], schema="record_key string, v0 string")
    with pytest.raises(ContractError, match="has no records"):
        match(empty, names=["last"], kinds=[Kind.SURNAME], settings=MatchingSettings())


def test_known_u_probabilities_are_recovered_from_random_pairs(spark):
    # Two random records have the same surname with 0.4² + 0.3² + 0.2² + 0.1² = 0.3, else no letter
    # in common; half of the records know a gender, and two of these have the same with 0.5.
    surnames = ["aaaa"] * 800 + ["bbbb"] * 600 + ["cccc"] * 400 + ["dddd"] * 200
    people = [(f"{n}", name, ["m", "f", None, None][n % 4]) for n, name in enumerate(surnames)]
    keyed = spark.createDataFrame(people, "record_key string, v0 string, v1 string")
    kinds = [Kind.SURNAME, Kind.GENDER]
    surname, gender = random_pair_levels(
        comparable_records(keyed, kinds=kinds), kinds=kinds, conf=TrainingConf(random_pairs=200_000)
    )
    assert surname == pytest.approx([0.7, 0, 0, 0, 0.3], abs=0.01)
    assert gender == pytest.approx([0.5, 0.5], abs=0.01)


def test_agreement_is_evidence_in_a_file_of_copies_of_one_row():
    equal = np.array(["ann"] * 4, dtype=object)
    (levels,) = levels_of_random_pairs([equal], [Kind.GENDER], TrainingConf())
    assert levels[-1] < 0.5 < levels[0]


def matched(spark, labels, *pairs, max_cluster_size=100):
    """A matching of three records, from pairs (left, right, weight in bits)."""
    gender = AttributeModel("sex", Kind.GENDER, (0.125, 0.875), (0.5, 0.4375), 0.4)
    left, right, weights = (np.array([pair[n] for pair in pairs]) for n in (0, 1, 2))
    return Matching(
        spark=spark,
        model=MatchModel(0.0, (gender,), 3),
        settings=MatchingSettings(clustering=ClusteringConf(max_cluster_size=max_cluster_size)),
        blocking=BlockingReport(),
        record_keys=np.array(["a", "b", "c"], dtype=object),
        labels=np.array(labels),
        is_copy=np.zeros(3, dtype=bool),
        left=left,
        right=right,
        weights=weights,
        pair_counts=np.ones(len(pairs)),
        unknown_matches=0.0,
        seconds={},
    )


def test_each_pair_has_a_weight_a_probability_and_a_status(spark):
    pairs = [(0, 1, -2.0), (0, 2, 1.0), (1, 2, -2.0), (1, 2, -4.0)]
    columns = ["left_record_key", "right_record_key", "match_weight", "status", "reason"]
    links = matched(spark, [0, 0, 2], *pairs).links()
    expected = [
        ("a", "b", -2.0, "linked", None),  # in one profile, by the evidence of the whole group
        ("a", "c", 1.0, "refused", OUTWEIGHED),
        ("b", "c", -2.0, "review", None),  # probability 1/5
        ("b", "c", -4.0, "unlinked", None),  # probability 1/17
    ]
    assert_rows(links, columns, expected)
    linked = matched(spark, [0, 0, 2], *pairs).links(are_linked=True)
    assert_rows(linked, columns, expected[:1])
    chances = {row["match_weight"]: row["match_probability"] for row in links.collect()}
    assert chances == pytest.approx({-2.0: 1 / 5, 1.0: 2 / 3, -4.0: 1 / 17})


def test_a_refused_link_says_if_the_union_would_be_too_large(spark):
    links = matched(spark, [0, 0, 2], (0, 2, 1.0), max_cluster_size=2).links()
    assert_rows(links, ["status", "reason"], [("refused", TOO_LARGE)])


def test_records_of_one_cluster_share_a_profile_id(spark):
    profiles = matched(spark, [0, 0, 2], (0, 1, 1.0)).profiles()
    ids = {row["record_key"]: row["profile_id"] for row in profiles.collect()}
    assert ids["a"] == ids["b"] != ids["c"]
    assert all(len(profile_id) == 32 for profile_id in ids.values())


def people_with_errors(draw, count):
    """Rows (surname, e-mail) of people who appear once to five times, some with an error."""
    rows = []
    while len(rows) < count:
        last = "".join(draw.choices(("ka", "mer", "lo", "vin", "sta", "bri"), k=3))
        mail = f"{last[:4]}{draw.randrange(9)}@mail.org"
        for _ in range(draw.choice((1, 1, 2, 3, 5))):
            at_letter = draw.randrange(len(last))
            wrong = last[:at_letter] + last[at_letter + 1 :]
            rows.append((draw.choice((last, last, wrong)), draw.choice((mail, mail, None))))
    return rows[:count]


def outcome(matching):
    """Everything that a matching decides, in comparable form."""
    pairs = zip(matching.left, matching.right, matching.weights, strict=True)
    metrics = {name: v for name, v in matching.metrics().items() if name != "pairs_compared"}
    return list(matching.labels), sorted(pairs), metrics, matching.blocking


def test_changed_records_matched_with_the_memory_of_a_run_equal_a_full_run(spark):
    draw = Random(4)
    rows = dict(enumerate(people_with_errors(draw, 260)))
    settings = MatchingSettings(blocking=BlockingConf(compare_all_up_to=0, max_block_size=2))

    def run(memory):
        frame = spark.createDataFrame([(f"{n}", *row) for n, row in rows.items()], schema=SCHEMA)
        return scored_links(frame, mapping=MAPPING, settings=settings, salt="s", memory=memory)

    memory = run(None).memory
    others = people_with_errors(draw, 30)
    for number in draw.sample(sorted(rows), 20):  # changed, some to a copy of another record
        rows[number] = draw.choice((others.pop(), rows[draw.choice(sorted(rows))]))
    for number in draw.sample(sorted(rows), 15):
        del rows[number]
    rows |= {1_000 + n: row for n, row in enumerate(others[:8])}
    changed, full = run(memory), run(memory.without_pairs())
    assert outcome(changed) == outcome(full)
    assert changed.memory.left.tolist() == full.memory.left.tolist()
    assert full.blocking.crowded > 0  # windows of neighbours shift too
    assert changed.compared_pairs < full.compared_pairs / 2
