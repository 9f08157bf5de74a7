"""Schemas and values on which two validators are compared. Written for this project."""

from typing import Any

_BIG = 2**53

KEYWORDS: dict[str, tuple[Any, list[Any]]] = {
    "true": (True, [None, 1, {}]),
    "false": (False, [None, 1, {}]),
    "no rule": ({}, [None, False, 0, "", [], {}]),
    "type null": ({"type": "null"}, [None, 0, False, "", "null"]),
    "type boolean": ({"type": "boolean"}, [True, False, 0, 1, "true", None]),
    "type integer": (
        {"type": "integer"},
        [0, -1, 1.0, -0.0, 1.5, 1e3, 1e300, _BIG + 1, 10**30, True, "1", None, [1]],
    ),
    "type number": ({"type": "number"}, [0, 1.5, -1e-9, 10**30, False, "1.5", None]),
    "type string": ({"type": "string"}, ["", "a", "\x00", 1, None, ["a"]]),
    "type array": ({"type": "array"}, [[], [1], {}, "[]", None]),
    "type object": ({"type": "object"}, [{}, {"a": 1}, [], "{}", None]),
    "types": ({"type": ["integer", "null"]}, [1, 1.0, 1.5, None, "1", False]),
    "enum": (
        {"enum": [1, "a", None, [1, 2], {"a": 1}, False]},
        [1, 1.0, True, "a", "A", None, [1, 2], [2, 1], [1.0, 2], {"a": 1.0}, {}, False, 0],
    ),
    "const number": ({"const": 2}, [2, 2.0, "2", [2], True]),
    "const zero": ({"const": 0}, [0, 0.0, -0.0, False, "", None]),
    "const object": (
        {"const": {"a": [1, {"b": None}]}},
        [{"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]}, {"a": [1, {}]}, {"a": [True, {}]}],
    ),
    "const true": ({"const": True}, [True, 1, 1.0, "true"]),
    "const in a list": ({"const": [False]}, [[False], [0], [], False]),
    "minimum": ({"minimum": 2}, [2, 2.0, 1, 1.999, 3, "1", None, -(10**30)]),
    "minimum of a fraction": ({"minimum": -1.5}, [-1.5, -2, -1, 0, -1.50001]),
    "maximum": ({"maximum": 2}, [2, 2.0, 3, 2.001, "3", 10**30]),
    "maximum at the last exact integer": ({"maximum": _BIG}, [_BIG, _BIG + 1, _BIG - 1, 1e300]),
    "exclusiveMinimum": ({"exclusiveMinimum": 0}, [0, -0.0, 1e-9, -1, 1, "0"]),
    "exclusiveMaximum": ({"exclusiveMaximum": 0}, [0, -1e-9, 1, -1, None]),
    "multipleOf": ({"multipleOf": 3}, [0, 3, -6, 9.0, 4, 1.5, "3"]),
    "multipleOf a half": ({"multipleOf": 0.5}, [0, 1, 1.5, 1.25, -2.5]),
    "multipleOf a cent": ({"multipleOf": 0.01}, [0, 1, 0.01, 0.5, 4.35, 1.005, 0.075]),
    "multipleOf and a huge number": ({"multipleOf": 7}, [7 * 10**20, 7 * 10**20 + 1, 10**30]),
    "minLength": ({"minLength": 2}, ["ab", "a", "", "ää", "😀", "😀😀", "e\u0301", 1, ["a"]]),
    "maxLength": ({"maxLength": 2}, ["ab", "abc", "😀😀", "😀😀😀", "", None, {"a": 1}]),
    "length zero": ({"maxLength": 0}, ["", " ", 0]),
    "pattern finds anywhere": ({"pattern": "b+"}, ["abc", "b", "ac", "", "B", 1, None]),
    "pattern with both ends": ({"pattern": "^a$"}, ["a", "aa", "ba", "a\n", "a\nb", ""]),
    "pattern of digits": ({"pattern": r"^\d+$"}, ["1", "12a", "", "\u0663"]),
    "pattern of words": ({"pattern": r"^\w+$"}, ["ab_1", "a-b", "é", ""]),
    "pattern of space": ({"pattern": r"^\s$"}, [" ", "\t", "\u00a0", "\u2028", "\ufeff", "a", ""]),
    "pattern of a dot": ({"pattern": "^.$"}, ["a", "é", "😀", "\n", "\r", "\u2028", "ab"]),
    "pattern of a property": ({"pattern": r"^\p{Lu}+$"}, ["AÄ", "a", "1", ""]),
    "pattern with classes": ({"pattern": "^[^a-c]{2,3}$"}, ["de", "def", "defg", "ad", "d"]),
    "pattern with alternatives": ({"pattern": "^(?:x|yz)*$"}, ["", "xyz", "xy", "yzyz"]),
    "pattern with an escape": ({"pattern": "^\\u0041\\x42$"}, ["AB", "ab", "A"]),
    "items": ({"items": {"type": "integer"}}, [[], [1, 2], [1, "a"], [None], {"0": "a"}, "a"]),
    "items refused": ({"items": False}, [[], [1], [None], {}]),
    "prefixItems": (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
        [[], [1], [1, "a"], ["a", 1], [1, 2], [1, "a", None], {}],
    ),
    "prefixItems and items": (
        {"prefixItems": [{"const": 1}], "items": {"const": 2}},
        [[], [1], [1, 2, 2], [1, 2, 1], [2], [1, 1]],
    ),
    "prefixItems and nothing more": (
        {"prefixItems": [{}, {}], "items": False},
        [[], [1], [1, 2], [1, 2, 3]],
    ),
    "contains": ({"contains": {"minimum": 5}}, [[], [5], [1, 6], [1], ["a"], {}, None]),
    "contains and minContains": (
        {"contains": {"const": 1}, "minContains": 2},
        [[], [1], [1, 1], [1, 1.0], [1, 2, 1]],
    ),
    "contains and minContains zero": ({"contains": {"const": 1}, "minContains": 0}, [[], [2], [1]]),
    "contains and maxContains": (
        {"contains": {"const": 1}, "maxContains": 1},
        [[], [1], [1, 1], [1, 2]],
    ),
    "minContains alone": ({"minContains": 2}, [[], [1], {}]),
    "maxContains alone": ({"maxContains": 0}, [[], [1], {}]),
    "minItems": ({"minItems": 1}, [[], [None], {}, "", {"a": 1}]),
    "maxItems": ({"maxItems": 1}, [[], [1], [1, 2], {"a": 1, "b": 2}]),
    "uniqueItems": (
        {"uniqueItems": True},
        [
            *([], [1], [1, 1], [1, 1.0], [1, True], [0, False], [None, None], ["a", "A"]),
            *([{"a": 1}, {"a": 1.0}], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1], [True]], "aa"),
            [*range(40), 7],
        ],
    ),
    "uniqueItems false": ({"uniqueItems": False}, [[1, 1], []]),
    "unevaluatedItems": (
        {"allOf": [{"prefixItems": [{"type": "integer"}]}], "unevaluatedItems": False},
        [[], [1], [1, 2], ["a"], {}],
    ),
    "unevaluatedItems after contains": (
        {"contains": {"type": "string"}, "unevaluatedItems": {"type": "integer"}},
        [["a"], ["a", 1], [1], ["a", None], []],
    ),
    "unevaluatedItems after a branch": (
        {"anyOf": [{"prefixItems": [{"const": 1}, {}]}, {"items": {"const": 2}}],
         "unevaluatedItems": False},
        [[], [1, 9], [1, 9, 9], [2, 2, 2], [2, 1]],
    ),
    "properties": (
        {"properties": {"a": {"type": "integer"}, "b": False}},
        [{}, {"a": 1}, {"a": "1"}, {"b": 1}, {"c": 1}, [], None],
    ),
    "properties with odd names": (
        {"properties": {"": {"const": 1}, "a/b": {"const": 1}, "a~b": {"const": 1},
                        "$ref": {"const": 1}, "__proto__": {"const": 1}, "ä": {"const": 1}}},
        [{"": 1}, {"": 2}, {"a/b": 2}, {"a~b": 2}, {"$ref": 1}, {"$ref": 2}, {"__proto__": 2},
         {"ä": 2}, {"a\u0308": 2}],
    ),
    "patternProperties": (
        {"patternProperties": {"^n_": {"type": "integer"}, "e$": {"maximum": 5}}},
        [{}, {"n_a": 1}, {"n_a": "1"}, {"n_e": 6}, {"n_e": 5}, {"e": 9}, {"x": "y"}],
    ),
    "additionalProperties": (
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},
        [{}, {"a": 1}, {"x1": 1}, {"b": 1}, {"a": 1, "b": 2}, []],
    ),
    "additionalProperties with a rule": (
        {"properties": {"a": {}}, "additionalProperties": {"type": "null"}},
        [{"a": 1}, {"b": None}, {"b": 1}],
    ),
    "additionalProperties does not look into allOf": (
        {"allOf": [{"properties": {"a": {}}}], "additionalProperties": False},
        [{}, {"a": 1}],
    ),
    "unevaluatedProperties looks into allOf": (
        {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
        [{}, {"a": 1}, {"b": 1}],
    ),
    "unevaluatedProperties looks into the branch taken": (
        {"oneOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]},
                   {"properties": {"b": {"const": 1}}, "required": ["b"]}],
         "unevaluatedProperties": False},
        [{"a": 1}, {"b": 1}, {"a": 1, "b": 2}, {"a": 1, "c": 1}, {}],
    ),
    "unevaluatedProperties looks into if": (
        {"if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
         "then": {"properties": {"b": {}}}, "else": {"properties": {"c": {}}},
         "unevaluatedProperties": False},
        [{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "c": 1}, {"c": 1}, {"b": 1}, {}],
    ),
    "unevaluatedProperties does not look into not": (
        {"not": {"not": {"properties": {"a": {}}}}, "unevaluatedProperties": False},
        [{}, {"a": 1}],
    ),
    "unevaluatedProperties with a rule": (
        {"properties": {"a": {}}, "unevaluatedProperties": {"type": "integer"}},
        [{"a": "x"}, {"b": 1}, {"b": "x"}],
    ),
    "propertyNames": (
        {"propertyNames": {"pattern": "^[a-z]+$", "maxLength": 3}},
        [{}, {"abc": 1}, {"abcd": 1}, {"A": 1}, {"": 1}, []],
    ),
    "propertyNames refused": ({"propertyNames": False}, [{}, {"a": 1}, [1]]),
    "required": ({"required": ["a", "b"]}, [{}, {"a": 1}, {"a": None, "b": None}, [], "ab"]),
    "required nothing": ({"required": []}, [{}, {"a": 1}]),
    "minProperties": ({"minProperties": 1}, [{}, {"a": 1}, [], ""]),
    "maxProperties": ({"maxProperties": 1}, [{}, {"a": 1}, {"a": 1, "b": 1}, [1, 2]]),
    "dependentRequired": (
        {"dependentRequired": {"a": ["b"], "c": []}},
        [{}, {"a": 1}, {"a": 1, "b": 1}, {"b": 1}, {"c": 1}, ["a"]],
    ),
    "dependentSchemas": (
        {"dependentSchemas": {"a": {"required": ["b"]}, "z": False}},
        [{}, {"a": 1}, {"a": 1, "b": 1}, {"z": 1}, ["a"]],
    ),
    "allOf": ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, [0, 1, 3, 4, "a"]),
    "anyOf": ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5, 4, None, []]),
    "oneOf": ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, [1, 5, 5.5, 4.5, "a", 6.0]),
    "not": ({"not": {"type": ["integer", "null"]}}, [1, 1.0, None, "a", 1.5]),
    "not nothing": ({"not": {}}, [None, {}, 1]),
    "if then else": (
        {"if": {"type": "integer"}, "then": {"minimum": 1}, "else": {"type": "string"}},
        [1, 0, "a", None, 1.0, 0.5],
    ),
    "then without if": ({"then": False, "else": False}, [1, None]),
    "if alone": ({"if": False}, [1, None]),
    "$ref into $defs": (
        {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
        [{"a": 1}, {"a": "1"}, {}],
    ),
    "$ref beside other rules": (
        {"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 3},
        [3, 2, 3.5, "a"],
    ),
    "$ref with escapes": (
        {"$defs": {"a/b~c d%": {"type": "null"}}, "items": {"$ref": "#/$defs/a~1b~0c%20d%25"}},
        [[None], [1], []],
    ),
    "$ref to an anchor": (
        {"$defs": {"x": {"$anchor": "n", "maximum": 1}}, "$ref": "#n"},
        [1, 2, "a"],
    ),
    "$ref to another resource": (
        {"$id": "urn:example:root", "$defs": {"x": {"$id": "urn:example:x", "minLength": 2}},
         "items": {"$ref": "urn:example:x"}},
        [["ab"], ["a"], [1]],
    ),
    "a tree": (
        {"required": ["v"], "properties": {"v": {"type": "integer"},
                                           "below": {"items": {"$ref": "#"}}}},
        [{"v": 1}, {"v": 1, "below": [{"v": 2, "below": []}]}, {"v": 1, "below": [{}]},
         {"v": 1, "below": [{"v": 2, "below": [{"v": "x"}]}]}],
    ),
    "$dynamicRef": (
        {"$id": "urn:example:strict", "$dynamicAnchor": "node", "$ref": "urn:example:tree",
         "unevaluatedProperties": False,
         "$defs": {"tree": {"$id": "urn:example:tree", "$dynamicAnchor": "node",
                            "properties": {"v": {},
                                           "below": {"items": {"$dynamicRef": "#node"}}}}}},
        [{"v": 1}, {"w": 1}, {"below": [{"v": 1}]}, {"below": [{"w": 1}]}],
    ),
    "annotations": (
        {"title": "t", "description": "d", "default": 1, "examples": [1], "deprecated": True,
         "readOnly": True, "writeOnly": True, "$comment": "c", "x-own": False},
        [None, 1, "a"],
    ),
    "content is not checked": (
        {"contentMediaType": "application/json", "contentEncoding": "base64",
         "contentSchema": {"type": "integer"}},
        ["{", "?", "MQ==", 1],
    ),
    "a format speaks of text only": ({"format": "ipv4"}, [1, None, [], {}, True, "x"]),
}  # fmt: skip  # one case per line reads better than one value per line

FORMATS: dict[str, list[str]] = {
    "date-time": [
        *("2026-01-05T10:11:12Z", "2026-01-05t10:11:12z", "2026-01-05T10:11:12.123456789+01:00"),
        *("2026-01-05 10:11:12Z", "2026-01-05T10:11:12", "2026-01-05T24:00:00Z", ""),
        *("2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z"),
        *("2016-12-31T23:59:60Z", "2016-12-31T15:59:60.5-08:00", "2026-01-05T10:11:60Z"),
        *("2026-01-05T10:11:12+24:00", "2026-01-05T10:11:12-00:00", "2026-01-05T10:11:12+0100"),
        *("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-05T10:11Z"),
        *("2026-01-05T10:11:12.Z", "2026-1-5T10:11:12Z", "2026-01-05T10:11:12,5Z"),
        *("২026-01-05T10:11:12Z", "2026-01-05T10:11:12Z\n", " 2026-01-05T10:11:12Z"),
    ],
    "date": [
        *("2026-01-05", "2026-02-29", "2024-02-29", "2000-02-29", "1900-02-29", "0000-01-01"),
        *("2026-1-5", "20260105", "2026-W01-1", "2026-13-01", "2026-00-10", "2026-04-31", ""),
        *("2026-01-05T00:00:00Z", "2026-01-0\u09ea", "26-01-05", "2026/01/05", "12026-01-05"),
    ],
    "time": [
        *("10:11:12Z", "10:11:12", "10:11:12+01:00", "10:11:12.5Z", "10:11:12z", "00:00:00Z"),
        *("24:00:00Z", "10:60:00Z", "10:11:60Z", "23:59:60Z", "22:59:60Z", "23:59:60+00:00"),
        *("00:59:60+01:00", "10:11Z", "10:11:12+24:00", "10:11:12+0100", "1:11:12Z", "10:11:12 Z"),
    ],
    "duration": [
        *("P1D", "PT1H", "P1Y2M3DT4H5M6S", "P2W", "P0D", "P", "PT", "P1", "1D", "P1DT", "P1W2D"),
        *("P1S", "PT1D", "PT0.5S", "P1.5Y", "p1d", "-P1D", "P1Y2D", "PT1H2S", "P2D1Y", "", "P১D"),
    ],
    "email": [
        *("ada@example.com", "a.b+c@example.co.uk", "a@b", "~a@example.com", '"a b"@example.com'),
        *("a@[127.0.0.1]", "a@[IPv6:::1]", "a@[1.2.3.400]", "a", "@", "@example.com", "a@", ""),
        *("a@@example.com", "a b@example.com", ".a@example.com", "a.@example.com", "a@-b.com"),
        *("a..b@example.com", "ä@example.com", "a@b..com", "a@b_c.com", "a@example.com."),
    ],
    "idn-email": [
        *("ä@müller.de", "данные@пример.рф", "ada@example.com", "a", "@", "ä@", "a@b@c"),
        "a b@c.de",
    ],
    "hostname": [
        *("example.com", "a", "A.De", "123", "1.2.3.4", "a--b.de", "xn--mller-kva.de", "a.", "."),
        *("-a.de", "a-.de", "a_b.de", "a..b", ".de", "", "a b", "müller.de", "xn--X", "ab--cd.de"),
        *("a" * 63 + ".de", "a" * 64 + ".de", ".".join(["a" * 60] * 5)),
    ],
    "idn-hostname": [
        *("müller.de", "пример.рф", "example.com", "ß.de", "xn--mller-kva.de", "例え.jp", "l·l"),
        *("a·l", "a b", "-a.de", "a..b", "", ".", "a_b", "Ab.de", "münchen。de", "a" * 64),
    ],
    "ipv4": [
        *("127.0.0.1", "255.255.255.255", "0.0.0.0", "256.0.0.1", "1.2.3", "1.2.3.4.5", ""),
        *("01.2.3.4", "1.2.3.4/24", " 1.2.3.4", "1.2.3.4\n", "0x7f.1.1.1", "2130706433", "1.2.3.٤"),
    ],
    "ipv6": [
        *("::1", "::", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "ABCD::EF01", "1::2::3"),
        *("1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1/64", "fe80::1%eth0", "1.2.3.4"),
        *("", "::1 ", ":1", "::ffff:1.2.3", "::ffff:256.1.1.1", "::g", "১::"),
    ],
    "uri": [
        *(
            "https://example.com/?q=1#f",
            "urn:isbn:1",
            "mailto:a@b.de",
            "a:b",
            "http:",
            "http://[::1]/",
        ),
        *("kinfold:purchase/1-0-0", "http://a/%20", "http://a:80/", "http://[v1.x]/", "", "x"),
        *("/path", "//x/y", "http://a b", "http://[::1", "https://ä.de", "http://a/%zz", "1a://b"),
        *(
            "http://a/\\b",
            "http://a/<b>",
            "http://a:port/",
            "http://a/{b}",
            "http://a/^",
            "http://a/|",
        ),
        *("http://a@b@c/", "http://a#b#c", 'http://a/"b"'),
    ],
    "uri-reference": [
        *("https://example.com", "/path", "//x/y", "x", "", "?q", "#f", "../a", "./a:b", "a:b"),
        *("a b", "\\x", "1:b", "#a#b", "%zz", "ä", "a<b", "//[::1", "{a}"),
    ],
    "iri": [
        *("https://müller.de/ä", "https://example.com", "urn:ä", "http://[::1]/", "/ä", "ä", ""),
        *("http://a b", "http://a/<b>", "http://a/%zz", "http://a/^"),
    ],
    "iri-reference": ["https://müller.de/ä", "/ä", "ä", "", "#ä", "?ä", "a b", "\\x", "a<b"],
    "uuid": [
        *("0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a49", "0F8A5B3C-6D1E-4C2B-9A7F-3E5D8C1B2A49"),
        *("00000000-0000-0000-0000-000000000000", "0f8a5b3c6d1e4c2b9a7f3e5d8c1b2a49", ""),
        *(
            "{0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a49}",
            "urn:uuid:0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a49",
        ),
        *("0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a4g", "0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a4"),
        *("0f8a-5b3c6d1e-4c2b-9a7f-3e5d8c1b2a49", "0f8a5b3c-6d1e-4c2b-9a7f-3e5d8c1b2a49 "),
    ],
    "json-pointer": [
        *("", "/", "/a", "/a/0", "/~0", "/~1", "/a//b", "/ä", "/a b", "a", "/~", "/~2", "/a~"),
        *("#", "#/a"),
    ],
    "relative-json-pointer": [
        *("0", "1", "10/a/0", "1/a", "0#", "1#", "-1", "01", "#", "", "/a", "+1/a", "1a", "0##"),
        *("1/~2", "1 /a"),
    ],
    "uri-template": [
        *("http://a/{b}", "http://a", "", "{+a}", "{?x,y}", "{#a*}", "{a:3}", "{/a}", "{a}{b}"),
        *("{", "}", "{a", "{a b}", "{a:}", "{$x}", "{!x}", "http://a/<b>"),
    ],
    "regex": [
        *("", "a", "^a$", r"\d", "(?=a)", "(?<=a)b", "(?<n>a)", r"\p{L}", r"\u0041", r"\cA"),
        *("(", "[", "*", "\\", "a**", "a{2,1}", "[b-a]", r"\1", "a{", "]", "}", "(?P<n>a)"),
        *("(?i)a", "(?#c)a", r"\Z", r"\a"),
    ],
}

PROPERTIES: dict[str, dict[str, Any]] = {
    "page_view": {"url": "/", "referrer": "https://example.com/"},
    "product_view": {"product_id": "p1", "category": "shoes", "price_cents": 4999},
    "add_to_cart": {"product_id": "p1", "category": "shoes", "quantity": 1},
    "purchase": {
        **{"order_id": "o1", "amount_cents": 0, "currency": "EUR", "quantity": 2},
        "products": [{"product_id": "p1", "quantity": 2, "price_cents": 0}, None, "p2"],
    },
    "return": {"order_id": "o1", "amount_cents": 0, "currency": "EUR", "product_id": "p1"},
    "order_update": {"order_id": "o1", "amount_cents": 5, "currency": "EUR", "products": []},
    "order_cancel": {"order_id": "o1", "amount_cents": 5, "currency": "EUR", "products": [{}]},
    "email_open": {"campaign_id": "c1"},
    "login": {"method": "password"},
    "identify": {"first_name": "Ada", "city": None, "birth_on": "1990-02-03"},
    "consent": {"purpose": "email", "decision": "granted"},
}
"""Properties of a valid event of each type."""

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1.0, 1.5, 2**53 - 1, 2**53, 10**30, "", "x", "x" * 300),
    *("EUR", "eur", "granted", "a\0", "1-0-0", "1-0", "2026-01-05T10:11:12Z", "2026-01-05"),
    *([], ["x"], {}, {"x": 1}),
]
