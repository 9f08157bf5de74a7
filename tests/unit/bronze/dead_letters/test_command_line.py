"""The options of replay_dead_letters."""

from datetime import UTC, datetime

import pytest

from kinfold.bronze.dead_letters.command_line import replay_parser, selection_of
from kinfold.bronze.dead_letters.replay import Selection
from kinfold.core.errors import ConfError
from kinfold.core.settings.command_line import parse_options

JOB = "bronze/replay_dead_letters"


def selected(*argv: str) -> Selection:
    return selection_of(parse_options(JOB, argv, parser=replay_parser(JOB, "")))


def test_without_options_all_letters_are_selected_also_of_sources_that_are_not_configured():
    assert selected() == Selection()


def test_each_option_is_a_condition(tmp_path):
    (tmp_path / "shop.yaml").write_text("format: json\n")
    found = selected(
        *("--source", str(tmp_path / "shop.yaml"), "--type", "purchase", "--reason", "/currency"),
        *("--since", "2026-03-01", "--until", "2026-03-01T12:00:00Z"),
    )
    assert found == Selection(
        sources=["shop"],
        event_type="purchase",
        reason="/currency",
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )


def test_a_time_that_cannot_be_read_is_reported_with_its_option():
    with pytest.raises(ConfError, match="--until"):
        selected("--until", "noon")
