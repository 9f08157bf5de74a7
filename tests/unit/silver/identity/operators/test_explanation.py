"""Why two identifiers are one person or not."""

from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest

from kinfold.silver.identity.operators.explanation import (
    explanation_of,
    explanation_text as text_of,
)
from kinfold.silver.identity.operators.lookup import IdentifierAssignment

pytestmark = pytest.mark.usefixtures("tokyo")

explanation_text = partial(text_of, hashed=lambda text: f"{len(text):08d} and more")
MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def link(link_id, left, right, trust=0.9, **changes):
    row = dict(
        link_id=link_id,
        left_node=left,
        right_node=right,
        left_namespace="email",
        left_value=f"n{left}@example.org",
        right_namespace="email",
        right_value=f"n{right}@example.org",
        rule="seen_together",
        rule_version="1",
        trust=trust,
        source="shop",
        source_event_id=f"event-{link_id}",
        first_seen_at=MOMENT,
        last_seen_at=MOMENT,
        status="active",
        reason=None,
    )
    return {**row, **changes}


def assigned(node, person="p"):
    since = MOMENT if person else None
    return IdentifierAssignment(("email", f"n{node}@example.org"), person, since, None)


def chain(*nodes, **changes):
    return [link(10 * a + b, a, b, **changes) for a, b in pairwise(nodes)]


def test_links_whose_removal_separates_two_identifiers_are_listed():
    links = [*chain(1, 2, 3), link(90, 2, 4), link(91, 4, 3)]
    explanation = explanation_of(assigned(1), assigned(3), 1, 3, links)
    assert [step.link_id for step in explanation.path] == [12, 23]
    assert explanation.separating == (0,)
    assert "Removing link 1 would separate them." in explanation_text(
        explanation, shows_values=False
    )


def test_with_two_paths_no_single_link_separates():
    explanation = explanation_of(
        assigned(1), assigned(2), 1, 2, [link(1, 1, 2), link(2, 1, 2, rule="matched")]
    )
    assert "No single link connects them" in explanation_text(explanation, shows_values=False)


def test_the_path_between_different_people_has_the_blocked_link_and_its_reason():
    links = [*chain(1, 2), link(23, 3, 2, status="blocked", reason="too many user_id")]
    links.append(link(13, 1, 3, trust=0.99, status="withdrawn", reason="an operator unlinked it"))
    explanation = explanation_of(assigned(1, "p"), assigned(3, "q"), 1, 3, links)
    assert [step.link_id for step in explanation.path] == [12, 23], "blocked before withdrawn"
    text = explanation_text(explanation, shows_values=False)
    assert "are not one person" in text
    assert "blocked: too many user_id" in text


def test_a_link_between_the_two_that_does_not_join_them_is_shown_before_the_path():
    # The path over 3 is stronger, so it alone would hide why the link between the two does nothing.
    links = [
        link(12, 2, 1, trust=0.8, status="blocked", reason="too many user_id"),
        *chain(1, 3, trust=0.95),
        link(32, 3, 2, trust=0.95, status="blocked", reason="a value that too many share"),
    ]
    explanation = explanation_of(assigned(1, "p"), assigned(2, "q"), 1, 2, links)
    assert [step.link_id for step in explanation.direct] == [12]
    lines = explanation_text(explanation, shows_values=False).splitlines()
    direct = lines.index("A link between them that does not join them:")
    assert lines[direct + 1] == "  1. email:n1@example.org -- email:n2@example.org"
    assert lines[direct + 2].startswith("     blocked: too many user_id;")
    assert "The strongest path has 2 links, of which not all are active:" in lines[direct:]


def test_a_pair_with_no_other_path_shows_its_own_links_once():
    links = [
        link(1, 1, 2, status="withdrawn", reason="an operator unlinked it"),
        link(2, 1, 2, rule="operator", status="blocked", reason="too many user_id"),
    ]
    explanation = explanation_of(assigned(1, "p"), assigned(2, "q"), 1, 2, links)
    text = explanation_text(explanation, shows_values=False)
    assert [step.link_id for step in explanation.direct] == [2, 1], "blocked before withdrawn"
    assert "Links between them that do not join them:" in text
    assert "The strongest path" not in text


def test_identifiers_without_links_have_no_path():
    text = explanation_text(
        explanation_of(assigned(1, "p"), assigned(2, None), 1, 2, []), shows_values=False
    )
    assert "no person" in text
    assert text.endswith("No links connect them.")


def test_values_that_the_user_did_not_name_are_hashed_unless_requested():
    explanation = explanation_of(assigned(1), assigned(3), 1, 3, chain(1, 2, 3))
    hidden, shown = (explanation_text(explanation, shows_values=shows) for shows in (False, True))
    assert "n1@example.org" in hidden
    assert "n3@example.org" in hidden
    assert "n2@example.org" not in hidden
    assert "event-12" not in hidden
    assert "email:#00000014" in hidden
    assert "n2@example.org" in shown
    assert "event-12" in shown
