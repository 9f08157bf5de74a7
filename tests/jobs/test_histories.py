"""After any history a lake equals one built from bronze at once; `make chaos` runs long ones."""

import random

import pytest

from histories import History, differences


@pytest.mark.parametrize("seed", [4])
def test_a_lake_equals_one_built_at_once_whatever_happened_to_it(spark, tmp_path, seed):
    history = History(spark, tmp_path, random.Random(seed))
    history.happen(2)
    assert differences(history) == [], "\n".join(history.steps)
