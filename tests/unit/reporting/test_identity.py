"""The identity graph in the report."""

from kinfold.reporting.identity import identity_figures, identity_lines
from kinfold.reporting.page import report_page

QUALITY = {
    "links": [
        {"rule": "matched", "status": "active", "links": 5},
        {"rule": "seen_together", "status": "active", "links": 1_200},
        {"rule": "seen_together", "status": "blocked", "links": 7},
    ],
    "reasons": [{"status": "blocked", "reason": "too many user_id", "links": 7}],
    "bad_values": [
        {"namespace": "phone", "evidence": "user_id", "values": 2, "merges_prevented": 19}
    ],
    "churn": [
        {
            "run_id": "r",
            "changed_at": "2026-03-01T09:00:00",
            "merge": 3,
            "split": 1,
            "move": 0,
            "rename": 0,
            "identifiers": 6,
            "share": 0.012,
        }
    ],
    "structure": {"people": 300, "bridged": 4, "density": 0.625},
}
NOTHING = {"links": [], "reasons": [], "bad_values": [], "churn": [], "structure": None}
SUMMARY = {
    "lake": "var/lake",
    "as_of": "2026-03-01T00:00:00+00:00",
    "run_id": "r",
    "sources": [],
    "ledger": [],
    "quality": [],
    "rejections": [],
    "stages": [],
    "tables": {"silver.events": 0},
    "identity": {"profiles": 3, "identifiers": 9, "largest_profile": 4, "anonymous_events": 0},
    "identity_truth": None,
    "segments": None,
    "orders": {
        "bought": 20,
        "sent_twice": 2,
        "cancelled": 0,
        "unknown": 0,
        "contested": 0,
        "foreign_refunds": 0,
        "revenue_cents": 742_500.0,
        "currency": "GBP",
        "unconverted": {},
    },
    "no_segments": "none",
    "propensity": None,
    "no_propensity": "none",
    "weeks": [],
}


def test_the_terminal_shows_links_values_bridges_and_changes():
    assert identity_lines(QUALITY) == [
        "  links: 1,205 active, 7 blocked; 2 shared identifiers, which prevented 19 merges",
        "  people with more than one identifier: 300, of whom 4 depend on one link",
        "  ids last changed on 2026-03-01 09:00 UTC: 6 identifiers (1.2 %), 3 merges, 1 split",
    ]
    assert identity_lines(NOTHING) == ["  links: none; no shared identifiers"]


def test_the_terminal_shows_which_identifiers_were_left_out_and_what_to_do():
    dropped = [
        {"namespace": "phone", "reason": "not_a_phone_of_region", "rows": 1_204},
        {"namespace": "customer_id", "reason": "placeholder", "rows": 30},
        {"namespace": "user_id", "reason": "placeholder", "rows": 2},
    ]
    assert identity_lines({**NOTHING, "dropped": dropped})[1:] == [
        "  1,236 identifiers were left out:",
        "    1,204 are no valid phone numbers of the country in identity.phone_region (phone "
        "1,204): set it to the country of your customers",
        "    32 placeholders (customer_id 30, user_id 2): the senders write them for no value; see "
        "identity.placeholders",
    ]
    page = report_page({**SUMMARY, "identity_quality": {**NOTHING, "dropped": dropped}}, {})
    assert "1,236 identifiers were left out:" in page


def test_the_page_has_a_section_with_two_pictures():
    figures = identity_figures(QUALITY)
    text = report_page({**SUMMARY, "identity_quality": QUALITY}, figures)
    assert text.count("data:image/png;base64,") == 2
    for shown in ("62.5 %", "6 (1.2 %)", "blocked: too many user_id", "<td>phone</td>", ">19<"):
        assert shown in text


def test_a_graph_without_links_says_none_and_has_no_picture():
    assert identity_figures(NOTHING) == {}
    text = report_page({**SUMMARY, "identity_quality": NOTHING}, {})
    for said in (
        "Links between identifiers: none.",
        "No profile has changed its id.",
        "No identifier is shared by too many people.",
    ):
        assert said in text
    assert "<img" not in text
    assert "Every link joins people." not in text


def test_a_graph_with_too_many_links_for_the_driver_says_so():
    text = report_page({**SUMMARY, "identity_quality": QUALITY | {"structure": None}}, {})
    assert "There are too many links to search for people who depend on one link." in text
