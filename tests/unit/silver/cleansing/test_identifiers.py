"""Normalised identifiers."""

import json

import pyarrow as pa
import pytest

from kinfold.core.settings.loading import load_settings
from kinfold.silver.cleansing.identifiers import (
    Normaliser,
    Spelling,
    normalised_value,
    parsed_phone,
    read_identifiers,
)
from project import HOME, shared_case

OURS = Spelling.of(load_settings(HOME, "local", {}).identity)
FEW = ("test@test.com", "undefined", "null", "none", "0", "-1")


def normalised(sent, **rules):
    return Normaliser.of(Spelling(placeholders=FEW, **rules)).read(sent.items()).pairs


def test_an_email_is_trimmed_and_put_in_lower_case():
    assert normalised({"email": "  Ann@Example.ORG "}) == [("email", "ann@example.org")]


@pytest.mark.parametrize(
    "text",
    [
        "ann@shop.example\n",
        "\tann@shop.example",
        "ann@shop.example\u00a0",
        "\ufeffann@shop.example",
        "ann@shop\u200b.example\u200b",
        "\u2003ANN\u00ad@shop.example\r\n",
        "ａｎｎ＠ｓｈｏｐ．ｅｘａｍｐｌｅ",  # noqa: RUF001  # full-width letters are the case
    ],
)
def test_characters_that_nobody_sees_do_not_make_another_email(text):
    assert normalised({"email": text}) == [("email", "ann@shop.example")]


@pytest.mark.parametrize("text", ["k1\t", "\u00a0k1", "k\u200b1", "k1\u2028", "\x01k1", "k1 \n"])
def test_characters_that_nobody_sees_do_not_make_another_value_in_any_namespace(text):
    assert normalised({"cookie_id": text, "loyalty_card": text}) == [
        ("cookie_id", "k1"),
        ("loyalty_card", "k1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("mailto:ann@shop.example", "MAILTO:ann@shop.example?subject=hi", "ann@shop.example;"),
        *("ann@shop.example,", "<ann@shop.example>", "'ann@shop.example'", '"ann@shop.example", '),
        *("\u201cann@shop.example\u201d", "Ann Lee <ann@shop.example>", "ann%40shop.example"),
        *('"Lee, Ann" <Ann@Shop.example>;', "mailto:<ann@shop.example>", "ann@shop.example."),
    ],
)
def test_what_stands_around_an_email_is_removed(text):
    assert normalised({"email": text}) == [("email", "ann@shop.example")]


@pytest.mark.parametrize(
    "text", ["u-7;", "u-7,", '"u-7"', "'u-7", "<u-7>", "\u00abu-7\u00bb ;", "`u-7`"]
)
def test_what_stands_around_a_value_of_any_namespace_is_removed(text):
    assert normalised({"user_id": text, "cookie_id": text}) == [
        ("cookie_id", "u-7"),
        ("user_id", "u-7"),
    ]


@pytest.mark.parametrize("text", ["tel:+442071838750", "TEL:020-7183-8750;", "'+442071838750'"])
def test_what_stands_around_a_phone_number_is_removed(text):
    assert normalised({"phone": text}) == [("phone", "+442071838750")]


def test_an_identifier_that_cannot_be_used_is_dropped_for_a_reason():
    spelling = Spelling(placeholders=FEW, phone_region="GB")
    sent = {
        "customer_id": "0",
        "email": "ann at shop",
        "phone": "030 1234567",
        "device_id": "",
        "cookie_id": " \u200b",
        "user_id": "u1",
        "crm_id": "{{id}}",
        "loyalty": None,
    }
    read = Normaliser.of(spelling).read(sent.items())
    assert read.pairs == [("user_id", "u1")]
    assert read.dropped == [
        ("crm_id", "placeholder"),
        ("customer_id", "placeholder"),
        ("email", "not_an_email"),
        ("phone", "not_a_phone_of_region"),
    ], "an empty text was not sent"
    read = Normaliser.of(spelling).read({"phone": "+44 1", "email": "(none)"}.items())
    assert read.dropped == [("email", "placeholder"), ("phone", "not_a_phone")]


def test_an_accented_letter_has_one_spelling():
    assert normalised({"user_id": "Rene\u0301"}) == normalised({"user_id": "Ren\u00e9"})


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@example.org", "a b@example.org", "a\u00a0b@c.org", "a@b", "a@@b.c", "a@a.a"],
)
def test_an_invalid_email_is_left_out(text):
    assert normalised({"email": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7183 8750",
        "020 7183 8750",
        "(020) 71838750",
        "0044 20 7183 8750",
        "\u202a+44 20 71838750",
    ],
)
def test_every_spelling_of_a_phone_number_gives_one_value(text):
    assert normalised({"phone": text}) == [("phone", "+442071838750")]


@pytest.mark.parametrize("text", ["12345", "none", "", "+44", "020 7183 87509999"])
def test_an_invalid_phone_number_is_left_out(text):
    assert normalised({"phone": text}) == []


def test_a_number_with_a_country_code_needs_no_region():
    assert parsed_phone("+1 212 555 2368", "GB") == "+12125552368"


@pytest.mark.parametrize(
    "text", ["test@test.com", "TEST@test.com", " undefined ", "NULL", "0", "-1", "null\u200b"]
)
def test_a_placeholder_is_left_out_in_any_namespace_and_case(text):
    assert normalised({"email": text, "user_id": text, "cookie_id": "c1"}) == [("cookie_id", "c1")]


@pytest.mark.parametrize("text", ["null null", "undefined-undefined", "None_NULL", "null."])
def test_a_value_of_placeholders_only_is_one_too(text):
    assert normalised({"user_id": text}) == []


@pytest.mark.parametrize("text", ['"null"', "(null)", "<undefined>", "'none'", "[null]", "%null%"])
def test_a_placeholder_in_quotes_or_brackets_is_one_too(text):
    assert normalised({"user_id": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        *("[object Object]", "[object Undefined]", "{{user.id}}", "{{ user_1 }}", "u-{{id}}"),
        *("${userId}", "%USER_ID%", "%%user%%", "<%= id %>", "*|UNIQID|*", "{user_id}"),
        *("[USER_ID]", "<user id>", "#{id}", "{}", "[]", "()", "(not set)", "{ }"),
        *("%7B%7Buser.id%7D%7D", "%5Bobject%20Object%5D", "%28null%29"),
    ],
)
def test_a_template_that_nobody_filled_in_identifies_nobody(text):
    assert normalised({"user_id": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "00",
        "0000-00",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "11111111",
        "xxxxxxxxxx",
        "--",
        "?",
        "***",
        "...",
        "_",
        "—",
    ],
)
def test_zeros_one_repeated_character_and_no_letter_at_all_identify_nobody(text):
    assert normalised({"device_id": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "u0",
        "1",
        "-2",
        "100",
        "{6B29FC40-CA47-1067-B31D-00DD010662DA}",
        "[42]",
        "auth0|5f7c8e",
        "test1",
        "a" * 7,
        "urn:user:7",
        "100%",
        "O'Brien",
        "null-7",
        "王伟",
        "none of us",
        "0a",
    ],
)
def test_a_value_that_only_resembles_a_placeholder_identifies(text):
    assert normalised({"user_id": text}) == [("user_id", text)]


@pytest.mark.parametrize("text", ["none@none.com", "null@example.org", "undefined@undefined"])
def test_an_email_whose_name_and_domain_are_placeholders_identifies_nobody(text):
    assert normalised({"email": text}) == []
    assert normalised({"email": "none@shop.example"}) == [("email", "none@shop.example")]


@pytest.mark.parametrize(
    "text",
    [
        "undefined",
        "NaN",
        "nil",
        "None",
        "(null)",
        "test",
        "guest",
        "true",
        "n/a",
        "Not Set",
        "-1",
        "anonymous",
        "unknown",
        "user_id",
        "distinct_id",
        "noreply@example.com",
    ],
)
def test_the_settings_list_what_senders_write_for_an_unknown_value(text):
    assert normalised_value("user_id", text, OURS) is None


def test_other_namespaces_are_trimmed_and_keep_their_case():
    assert normalised({"user_id": " AbC "}) == [("user_id", "AbC")]


def test_a_namespace_may_fold_case():
    sent = {"crm_id": " AbC ", "user_id": "AbC"}
    assert normalised(sent, folding=["crm_id"]) == [("crm_id", "abc"), ("user_id", "AbC")]


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("A.n.n+shop@GMail.com", "ann@gmail.com"),
        ("ann@googlemail.com", "ann@gmail.com"),
        ("a.nn+shop@example.org", "a.nn+shop@example.org"),
        ("+tag@gmail.com", "+tag@gmail.com"),
    ],
)
def test_provider_rules_make_the_addresses_of_one_mailbox_equal(text, mailbox):
    assert normalised({"email": text}, has_provider_rules=True) == [("email", mailbox)]


def test_identifiers_are_sorted_by_namespace_and_value():
    sent = {"user_id": "u", "cookie_id": "c", "email": "a@b.org"}
    assert normalised(sent) == [("cookie_id", "c"), ("email", "a@b.org"), ("user_id", "u")]


@pytest.mark.parametrize("sent", [{}, {"email": None}, {"cookie_id": "   "}])
def test_empty_input_gives_no_identifiers(sent):
    assert normalised(sent) == []


def test_the_old_account_of_an_alias_is_a_user_id_too():
    normaliser = Normaliser.of(Spelling(placeholders=FEW))
    sent = {"user_id": "new", "previous_user_id": " old\u200b"}
    read = normaliser.read(sent.items())
    assert (read.pairs, read.previous) == ([("user_id", "new"), ("user_id", "old")], "old")
    read = normaliser.read({"user_id": "new", "previous_user_id": "null"}.items())
    assert (read.pairs, read.previous) == ([("user_id", "new")], None)
    assert read.dropped == [("user_id", "placeholder")]


def test_a_null_map_and_a_slice_of_maps_are_read_row_by_row():
    maps = [[("user_id", "a")], None, [("user_id", "b"), ("email", "x")], []]
    sent = pa.array(maps, pa.map_(pa.string(), pa.string()))
    columns = Normaliser.of(Spelling()).columns(sent.slice(1))
    assert columns["identifiers"].to_pylist() == [[], [{"namespace": "user_id", "value": "b"}], []]
    assert columns["previous_account"].to_pylist() == [None, None, None]
    dropped = [{"namespace": "email", "reason": "not_an_email"}]
    assert columns["dropped_identifiers"].to_pylist() == [None, dropped, None]


def test_a_column_of_maps_becomes_a_column_of_identifiers(spark):
    rows = spark.createDataFrame([({"email": "A@B.org"},), (None,)], "sent map<string,string>")
    read = rows.select(read_identifiers(rows["sent"], Spelling()).alias("i")).select("i.*")
    assert [(row[0], row[1]) for row in read.collect()] == [
        ([("email", "a@b.org")], None),
        ([], None),
    ]


@pytest.mark.parametrize(
    ("name", "namespace", "values"),
    [
        ("invisible_characters", "email", {"ann@shop.example"}),
        ("invisible_characters", "cookie_id", {"c0", "c1", "c2", "c3", "c4", "c5", "k1"}),
        ("placeholder_ids", "user_id", set()),
        ("placeholder_ids", "email", {f"p{number}@mail.example" for number in range(4)}),
    ],
)
def test_the_cases_of_invisible_characters_and_placeholders_have_the_right_identifiers(
    name, namespace, values
):
    lines = shared_case(f"events/{name}.jsonl").read_text(encoding="utf-8").splitlines()
    normaliser = Normaliser.of(OURS)
    pairs = {
        p for line in lines for p in normaliser.read(json.loads(line)["identifiers"].items()).pairs
    }
    assert {value for space, value in pairs if space == namespace} == values
