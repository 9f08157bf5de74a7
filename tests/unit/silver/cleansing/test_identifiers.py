"""Normalised identifiers."""

import pytest
from pyspark.sql import functions as F

from kinfold.silver.cleansing.identifiers import (
    Spelling,
    e164_phone,
    normalised_identifiers,
    parsed_phone,
)


def normalised(spark, sent, **rules):
    rows = spark.createDataFrame([(sent,)], "sent map<string,string>")
    rows = rows.withColumn("phone", e164_phone(F.col("sent")["phone"], region="GB"))
    spelling = Spelling(placeholders=["test@test.com", "undefined", "null", "0"], **rules)
    column = normalised_identifiers(F.col("sent"), F.col("phone"), spelling)
    return [tuple(i) for i in rows.select(column.alias("i")).collect()[0]["i"]]


def test_an_email_is_trimmed_and_put_in_lower_case(spark):
    assert normalised(spark, {"email": "  Ann@Example.ORG "}) == [("email", "ann@example.org")]


@pytest.mark.parametrize(
    "text", ["ann", "ann@", "@example.org", "a b@example.org", "a@b", "a@@b.c"]
)
def test_an_invalid_email_is_left_out(spark, text):
    assert normalised(spark, {"email": text}) == []


@pytest.mark.parametrize(
    "text", ["+44 20 7183 8750", "020 7183 8750", "(020) 71838750", "0044 20 7183 8750"]
)
def test_every_spelling_of_a_phone_number_gives_one_value(spark, text):
    assert normalised(spark, {"phone": text}) == [("phone", "+442071838750")]


@pytest.mark.parametrize("text", ["12345", "none", "", "+44", "020 7183 87509999"])
def test_an_invalid_phone_number_is_left_out(spark, text):
    assert normalised(spark, {"phone": text}) == []


def test_a_number_with_a_country_code_needs_no_region():
    assert parsed_phone("+1 212 555 2368", "GB") == "+12125552368"


@pytest.mark.parametrize("text", ["test@test.com", "TEST@test.com", " undefined ", "NULL", "0"])
def test_a_placeholder_is_left_out_in_any_namespace_and_case(spark, text):
    assert normalised(spark, {"email": text, "user_id": text, "cookie_id": "c1"}) == [
        ("cookie_id", "c1")
    ]


def test_other_namespaces_are_trimmed_and_keep_their_case(spark):
    assert normalised(spark, {"user_id": " AbC "}) == [("user_id", "AbC")]


def test_a_namespace_may_fold_case(spark):
    sent = {"crm_id": " AbC ", "user_id": "AbC"}
    assert normalised(spark, sent, folding=["crm_id"]) == [("crm_id", "abc"), ("user_id", "AbC")]


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("A.n.n+shop@GMail.com", "ann@gmail.com"),
        ("ann@googlemail.com", "ann@gmail.com"),
        ("a.nn+shop@example.org", "a.nn+shop@example.org"),
        ("+tag@gmail.com", "+tag@gmail.com"),
    ],
)
def test_provider_rules_make_the_addresses_of_one_mailbox_equal(spark, text, mailbox):
    assert normalised(spark, {"email": text}, has_provider_rules=True) == [("email", mailbox)]


def test_identifiers_are_sorted_by_namespace_and_value(spark):
    sent = {"user_id": "u", "cookie_id": "c", "email": "a@b.org"}
    assert normalised(spark, sent) == [("cookie_id", "c"), ("email", "a@b.org"), ("user_id", "u")]


@pytest.mark.parametrize("sent", [None, {}, {"email": None}, {"cookie_id": "   "}])
def test_empty_input_gives_no_identifiers(spark, sent):
    assert normalised(spark, sent) == []
