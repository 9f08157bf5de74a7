"""Plain words: the project's old dialect does not come back."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from project import HOME
from source_code import listed, python_files, relative, tokens

PLAIN_WORDS = {
    "told": "reported, recorded, declared, detected",
    "anew": "again; rebuilt, recreated, recomputed",
    "let go": "released, unpersisted, closed",
    "nobody's": "unassigned",
    "no one's": "unassigned",
    "torn": "split candidate",
    "lest": "so that ... not",
    "whoever": "anyone who",
    "thereof": "of it",
    "by the letter": "literally",
    "in the midst": "during",
    "is no more": "does not exist any more; is deleted",
    "set aside": "quarantined (rows); excluded, shared identifier (values)",
    "news": "changes, new events",
    "begun": "started",
}
"""A word of the project's old dialect: what to write."""

ALLOWED = {
    '"news-"': "start of the campaign ids in a generated world; its bytes are fixed by the seed",
    "set_aside": "value of status in silver.bad_values and name of a count in ops.job_runs",
    "topic made anew": "value of reason in ops.gaps",
}
"""Text that may hold one of the words, with the reason."""

TEXT_FILES = (
    *(HOME / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile")),
    *(HOME / name for name in ("pyproject.toml", "spark-submit.sh")),
    *(path for folder in ("docs", "conf", "bin") for path in (HOME / folder).rglob("*")),
    *(HOME / "lib").rglob("*.j2"),
)
THIS_FILE = Path(__file__).resolve()


def passages() -> Iterator[tuple[str, str]]:
    """Where and what: names, comments and strings of code, and the lines of other text files."""
    for path in python_files("lib", "jobs", "tests", "notebooks"):
        if path != THIS_FILE:
            for token in tokens(path):
                if token.type in (tokenize.COMMENT, tokenize.STRING, tokenize.NAME):
                    yield f"{relative(path)}:{token.start[0]}", token.string
    for path in TEXT_FILES:
        if path.is_file() and path.suffix not in (".json", ".jar", ".png"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                yield f"{relative(path)}:{number}", line


def old_words(text: str) -> set[str]:
    """The words of the old dialect in a text, in names with underscores too."""
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    plain = re.sub(r"\s+", " ", text.replace("_", " ").replace("#", " ")).lower()
    return {word for word in PLAIN_WORDS if re.search(rf"\b{re.escape(word)}\b", plain)}


PASSAGES = [(where, word) for where, text in passages() for word in old_words(text)]


@pytest.mark.parametrize("word", PLAIN_WORDS)
def test_a_word_of_the_old_dialect_does_not_come_back(word):
    found = [where for where, what in PASSAGES if what == word]
    assert found == [], f"write {PLAIN_WORDS[word]!r} instead of {word!r}:{listed(found)}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what the caller is told", {"told"}),
        ("a_topic_made_anew", {"anew"}),
        ("cached rows are let\n    go", {"let go"}),
        ("# so that nobody's", {"nobody's"}),
        ("newsletter, tolder, latest", set()),
    ],
)
def test_words_are_found_in_names_and_across_lines(text, words):
    assert old_words(text) == words
