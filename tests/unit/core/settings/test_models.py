"""Rules between settings, and the survivorship rule of a trait."""

import pytest
from pydantic import ValidationError

from kinfold.core.settings.models import LakeConf, SegmentationConf, SurvivorshipConf


def test_a_trait_has_the_default_rule_unless_it_has_its_own():
    rules = SurvivorshipConf(traits={"city": {"rule": ("most_frequent",)}})
    assert rules.rule_of("street").rule == ("party", "most_recent")
    assert rules.rule_of("city").rule == ("most_frequent",)


def test_one_criterion_needs_no_list():
    rules = SurvivorshipConf(traits={"city": {"rule": "most_frequent"}})
    assert rules.rule_of("city").rule == ("most_frequent",)


def test_a_trait_without_sources_of_its_own_uses_the_default_order():
    own = {"tier": {"rule": "source", "sources": ["shop"]}, "city": {"rule": "source"}}
    rules = SurvivorshipConf(sources=("crm",), traits=own)
    assert rules.rule_of("tier").sources == ("shop",)
    assert rules.rule_of("city").sources == ("crm",)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="extra_forbidden"):
        LakeConf(root="x", rot="y")


def test_the_smallest_k_is_not_above_the_largest():
    usual = dict(model="m", sample_size=1, min_silhouette=0, retrain_after_days=1, seed=1)
    assert SegmentationConf(k_min=4, k_max=4, **usual).k_max == 4
    with pytest.raises(ValidationError, match=r"k_min \(5\) must not be above k_max \(4\)"):
        SegmentationConf(k_min=5, k_max=4, **usual)
