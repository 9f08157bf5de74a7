"""How settings of several layers are merged."""

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.layers import Layers
from kinfold.core.settings.models import Settings

BASE = {
    "as_of": "2026-01-01",
    "sources": ["a", "b"],
    "metrics": {"host": "127.0.0.1", "port": 9108},
    "identity": {
        "phone_region": "GB",
        "match": {"first_name": "given_name", "address.city": "city"},
        "namespaces": {"email": {"trust": 0.9, "shared_by": {"phone": 8}}},
    },
}


def merged(tree, **overrides):
    """`BASE`, an environment's file, and values of the command line (`__` for a dot)."""
    layers = Layers(Settings)
    layers.merge(BASE, layer="base")
    layers.merge(tree, layer="env")
    for key, value in overrides.items():
        layers.set(key.replace("__", "."), value, layer="--set")
    return layers


@pytest.mark.parametrize(
    ("tree", "path", "expected"),
    [
        ({"identity": {"match": {}}}, "identity.match", {}),
        ({"identity": {"namespaces": {}}}, "identity.namespaces", {}),
        ({"identity": {"namespaces": {"email": {}}}}, "identity.namespaces.email", {}),
        (
            {"identity": {"namespaces": {"email": {"shared_by": {}}}}},
            "identity.namespaces.email",
            {"trust": 0.9, "shared_by": {}},
        ),
        (
            {"identity": {"namespaces": {"phone": {"trust": 0}}}},
            "identity.namespaces",
            {**BASE["identity"]["namespaces"], "phone": {"trust": 0}},
        ),
        ({"identity": {}}, "identity", BASE["identity"]),  # a section with nothing in it
        ({"metrics": None}, "metrics", BASE["metrics"]),  # its keys are comments
        ({"metrics": {"port": None}}, "metrics", {"host": "127.0.0.1", "port": None}),
        ({"metrics": {"port": 0}}, "metrics.port", 0),
        ({"metrics": {"host": False}}, "metrics.host", False),
        ({"metrics": {"host": ""}}, "metrics.host", ""),
        ({"sources": []}, "sources", []),
        ({"sources": ["c"]}, "sources", ["c"]),
        ({"as_of": None}, "as_of", None),
    ],
)
def test_every_value_of_a_later_file_counts(tree, path, expected):
    assert merged(tree).get(tuple(path.split("."))) == expected


def test_a_name_with_a_dot_is_one_name():
    match = merged({"identity": {"match": {"home.street": "street"}}}).get(("identity", "match"))
    assert match == {**BASE["identity"]["match"], "home.street": "street"}


def test_the_defaults_of_the_caller_are_not_changed():
    merged({"identity": {"match": {}}}, identity__namespaces__email__trust=1)
    assert BASE["identity"]["match"]
    assert BASE["identity"]["namespaces"]["email"]["trust"] == 0.9


def test_the_command_line_replaces_a_mapping_and_merges_a_section():
    layers = merged({}, identity__match={"mail": "email"}, metrics={"port": 1})
    assert layers.get(("identity", "match")) == {"mail": "email"}
    assert layers.get(("metrics",)) == {"host": "127.0.0.1", "port": 1}
    assert merged({}, identity__match={}).get(("identity", "match")) == {}


def test_the_origin_of_a_value_is_the_last_layer_that_has_it():
    layers = merged({"identity": {"match": {}}, "metrics": {"port": 1}}, metrics__port=2)
    assert layers.origin["metrics.host"] == "base"
    assert layers.origin["metrics.port"] == "--set"
    assert layers.origin["identity.match"] == "env"
    assert "identity.match.first_name" not in layers.origin


@pytest.mark.parametrize("key", ["as_of.day", "metrics.port.number", "sources.first"])
def test_a_key_below_a_single_value_is_refused(key):
    with pytest.raises(ConfError, match="is a single value, not a section"):
        merged({}, **{key.replace(".", "__"): 1})
