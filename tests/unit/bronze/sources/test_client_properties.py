"""A properties file means here what it means to Kafka's own tools."""

import pytest

from kinfold.bronze.sources.client_properties import read_client_properties
from kinfold.core.errors import ConfError


@pytest.fixture
def read(spark, tmp_path):
    """`read(content)`: the properties of a file with these bytes."""

    def properties(content: bytes) -> dict[str, str]:
        file = tmp_path / "client.properties"
        file.write_bytes(content)
        return read_client_properties(spark, file)

    return properties


@pytest.mark.parametrize(
    ("content", "properties"),
    [
        (b"a=1\nb = 2\n", {"a": "1", "b": "2"}),
        (b"a:1\nb : 2\nc 3\n", {"a": "1", "b": "2", "c": "3"}),
        (b"a=k=v;w:x\n", {"a": "k=v;w:x"}),
        (b"# a=1\n  ! b=2\n\n   c=3", {"c": "3"}),
        (b"jaas=Plain required \\\n    user=\\\"u\\\" \\\n\tpassword=p;\n",
         {"jaas": 'Plain required user="u" password=p;'}),
        (b"path=C:\\\\keys\\ttrust\n", {"path": "C:\\keys\ttrust"}),
        (b"a\\ b\\=c=1\n", {"a b=c": "1"}),
        (b"password=end  \n", {"password": "end  "}),
        (b"name=M\\u00fcller\nraw=M\xfcller\n", {"name": "Müller", "raw": "Müller"}),
        (b"a=1\r\nb=2\ra=3", {"a": "3", "b": "2"}),
        (b"empty=\nalone\n", {"empty": "", "alone": ""}),
        (b"a=1\nb=2\na=\n", {"a": "", "b": "2"}),  # the last one counts
        (b"=1\n", {"": "1"}),
        (b"a==1\nb=:2\n", {"a": "=1", "b": ":2"}),
        (b"a=1\\\n#b=2\n", {"a": "1#b=2"}),  # a continued line is not a comment
        (b"a=1\\\\\nb=2\n", {"a": "1\\", "b": "2"}),  # an escaped backslash continues nothing
        (b"\xef\xbb\xbfa=1\n", {"\xef\xbb\xbfa": "1"}),  # a byte order mark is a part of the key
        (b"", {}),
    ],
)  # fmt: skip  # table of cases
def test_a_file_is_read_by_javas_rules(read, content, properties):
    assert read(content) == properties


def test_a_malformed_escape_is_reported_without_quoting_the_file(read):
    with pytest.raises(
        ConfError, match=r"client\.properties: has a malformed \\u escape"
    ) as caught:
        read(b"password=secret\\u00zz")
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_reported_with_its_path(spark, tmp_path):
    with pytest.raises(ConfError, match=r"nowhere\.properties: cannot be read \(No such file"):
        read_client_properties(spark, tmp_path / "nowhere.properties")
