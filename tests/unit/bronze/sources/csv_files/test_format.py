"""How CSV files are written: options with the names of Spark's reader."""

import pytest

from kinfold.bronze.sources.csv_files.format import CsvFormat, csv_format
from kinfold.core.errors import ConfError


def test_without_options_a_file_follows_rfc_4180():
    assert csv_format({}, where="shop.yaml") == CsvFormat()


def test_options_have_the_names_of_sparks_reader_in_any_case():
    options = {"SEP": ";", "Charset": "ISO-8859-1", "header": False, "escape": "\\", "quote": "'"}
    assert csv_format(options, where="shop.yaml") == CsvFormat(
        separator=";", quote="'", escape="\\", has_header=False, encoding="iso8859-1"
    )


def test_options_about_files_and_those_that_change_nothing_are_ignored():
    options = {"multiLine": True, "mode": "DROPMALFORMED", "pathGlobFilter": "*.csv"}
    assert csv_format(options, where="shop.yaml") == CsvFormat()


def test_a_tab_may_be_written_as_an_escape():
    assert csv_format({"sep": "\\t"}, where="shop.yaml").separator == "\t"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seperator": ";"}, r"options.seperator: is not an option of CSV files.* Known: "),
        ({"sep": "||"}, r"options.sep is '\|\|', expected one character"),
        ({"encoding": "utf8mb4"}, r"options.encoding is 'utf8mb4', which is not known"),
        (
            {"encoding": "cp037"},
            "options.encoding is .cp037., which is not known or cannot be read in",
        ),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name(options, message):
    with pytest.raises(ConfError, match=rf"^shop.yaml: {message}"):
        csv_format(options, where="shop.yaml")
