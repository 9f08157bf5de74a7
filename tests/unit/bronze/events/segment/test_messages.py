"""The messages in a document, and what they take from their batch."""

import copy
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.events.segment.messages import segment_messages
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from project import SCHEMAS
from segment_samples import ANY_MESSAGE, HTTP_BATCH, NOON, OBJECTS, leaves, message

REGISTRY = SchemaRegistry.load(SCHEMAS)


def test_a_single_message_is_returned_alone():
    one = message()
    assert segment_messages(one) == [one]


def test_an_array_returns_its_members_in_their_order():
    one, two = message(messageId="m1"), message(messageId="m2")
    assert segment_messages([one, two]) == [one, two]


@pytest.mark.parametrize("document", [[], {"batch": [], "sentAt": NOON}])
def test_an_empty_batch_or_array_has_no_messages(document):
    assert segment_messages(document) == []


def test_a_message_takes_only_missing_members_from_its_batch():
    batch = {
        "batch": [
            {"sentAt": "own", "userId": None, "traits": {"a": {"x": 1}}, "groupId": {"k": 1}}
        ],
        "sentAt": "of the batch",
        "userId": "u1",
        "traits": {"a": {"x": 2, "y": 3}, "b": 4},
        "groupId": "g",
    }
    assert segment_messages(batch) == [
        {
            "sentAt": "own",
            "userId": "u1",
            "traits": {"a": {"x": 1, "y": 3}, "b": 4},
            "groupId": {"k": 1},
        }
    ]


def test_the_id_and_the_type_of_a_batch_are_not_those_of_its_messages():
    batch = {"batch": [{"event": "a"}], "messageId": "b", "type": "batch"}
    assert segment_messages(batch) == [{"event": "a", "batchMessageId": "b", "batchType": "batch"}]


def test_merging_a_batch_does_not_change_the_document():
    before = copy.deepcopy(HTTP_BATCH)
    for one in segment_messages(HTTP_BATCH):
        segment_event(one)
    assert before == HTTP_BATCH


@pytest.mark.parametrize("document", [None, True, 42, 4.2, "text", [None], {"batch": ["text"]}])
def test_a_message_that_is_not_an_object_is_kept_and_refused(document):
    (one,) = segment_messages(document)
    assert "message" in one
    assert "/: 'event_type' is missing" in validate(REGISTRY, segment_event(one))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(ANY_MESSAGE, max_size=3), OBJECTS)
def test_every_value_of_a_batch_is_in_its_messages_unless_they_have_their_own(members, shared):
    batch = shared | {"batch": members}
    merged = segment_messages(batch)
    assert len(merged) == len(members)
    for one, own in zip(merged, members, strict=True):
        values = [leaf for leaf in leaves(own) if leaf[1] != "null"]
        assert Counter(values) - Counter(leaves(one)) == Counter()
        lacking = {name for name in shared if own.get(name) is None}
        for name in lacking - {"messageId", "type", "batch"}:
            assert one[name] == shared[name]
