"""What source files of events may declare, and the events they map to."""

import json
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import Source, load_source, mapped_event
from kinfold.core.errors import ConfError

MAPPING = """
format: csv
input: data
event:
  event_type: "'purchase'"
  occurred_at: sold_at
  identifiers: {customer_id: customer}
"""


@pytest.fixture
def load(tmp_path):
    """`load(text)`: the source that conf/sources/shop.yaml declares."""

    def loaded(text: str, given_input: str | None = None) -> Source:
        file = tmp_path / "conf" / "sources" / "shop.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return load_source(file, home=tmp_path, given_input=given_input)

    return loaded


def test_a_source_is_named_after_its_file_and_its_input_is_in_the_project(load, tmp_path):
    source = load(MAPPING)
    assert (source.name, source.display_path) == ("shop", "conf/sources/shop.yaml")
    assert source.input == str(tmp_path / "data")


def test_the_input_of_the_command_line_is_in_the_current_folder(load):
    assert load(MAPPING, given_input="other").input == str(Path.cwd() / "other")


def test_a_topic_is_not_a_path(load):
    assert load("format: kafka\ninput: clicks\n").input == "clicks"


OPTIONS = ["maxFileAge: 7d", "cleanSource: archive", "IGNORECORRUPTFILES: true"]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_leaves_out_files_without_a_message_is_refused(load, option):
    name = option.partition(":")[0]
    with pytest.raises(ConfError, match=rf"options.{name}: leaves out files or rows.*[.]"):
        load(f"{MAPPING}options: {{{option}}}\n")


@pytest.mark.parametrize(
    ("expression", "constant"), [("\"'purchase'\"", "purchase"), ("kind", None)]
)
def test_only_a_literal_event_type_is_constant(load, expression, constant):
    assert load(MAPPING.replace("\"'purchase'\"", expression)).constant_type() == constant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: csv\ninput: x\n", "key 'event' is missing: a csv source needs a mapping"),
        (MAPPING.replace("csv", "kafka"), "key 'event': records of a topic must be native events"),
        ("format: json\n", "names no input. Name one with --input"),
        ("format: kafka\ninput: t\narchive: a\n", "key 'archive': a topic has no files"),
        (MAPPING + "archive: data/done\n", "key 'archive': .* is inside the input"),
        (MAPPING + "timezone: Mars/Base\n", "timezone is Mars/Base, expected: a time zone"),
        (MAPPING + "fromat: csv\n", "unknown key 'fromat'. Did you mean 'format'"),
    ],
)
def test_a_declaration_that_is_not_allowed_is_reported_with_file_and_key(load, text, message):
    with pytest.raises(ConfError, match=rf"^conf/sources/shop\.yaml: .*{message}"):
        load(text)


def test_a_missing_file_is_reported_with_the_existing_ones(load, tmp_path):
    load(MAPPING)
    with pytest.raises(ConfError, match=r"Did you mean 'shop\.yaml'\? conf/sources/ has: shop"):
        load_source(tmp_path / "conf" / "sources" / "shpo.yaml", home=tmp_path)


def test_a_row_becomes_the_json_text_of_a_native_event(load, spark):
    source = load(MAPPING + "  properties: {price: cast(price as int), city: \"'York'\"}\n")
    columns = "sold_at string, customer int, price string"
    rows = spark.createDataFrame([("2026-03-01 09:00:00", 7, "250")], columns)
    event = mapped_event(rows, source, columns=rows.columns, raw=F.lit("the line"))
    assert json.loads(rows.select(event).collect()[0][0]) == {
        # the first half of the SHA-256 of "shop", a newline and "the line"
        "event_id": "9234570e4ce0049ae0e1ca2c7ecff767",
        "event_type": "purchase",
        "occurred_at": "2026-03-01T09:00:00.000000Z",
        "identifiers": {"customer_id": "7"},
        "properties": {"price": 250, "city": "York"},
    }


def test_without_a_mapping_the_record_is_the_event(load, spark):
    rows = spark.createDataFrame([("{}",)], "value string")
    source = load("format: json\ninput: data\n")
    event = mapped_event(rows, source, columns=rows.columns, raw=F.col("value"))
    assert rows.select(event).collect()[0][0] == "{}"


def test_an_expression_with_an_unknown_column_is_reported_with_its_key(load, spark):
    rows = spark.createDataFrame([("x",)], "customers string")
    with pytest.raises(ConfError, match=r"shop\.yaml: event\.\w+.* the data has no column"):
        mapped_event(rows, load(MAPPING), columns=rows.columns, raw=F.lit(""))
