"""Properties files of Kafka clients, read by Java's own parser."""

from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError


def read_client_properties(spark: SparkSession, path: Path) -> dict[str, str]:
    """The properties of a `client.properties` file, by key.

    The JVM's `java.util.Properties` reads the bytes, as in Kafka's own command-line tools. So a
    file means the same here and there: ISO-8859-1 with `\\uXXXX` escapes, `=`, `:` or a blank after
    the key, continuation lines, comments with `#` or `!`; blanks after a value belong to it.

    Raises:
        ConfError: the file cannot be read, or has a malformed `\\u` escape. The message quotes
            nothing of the file, which may hold passwords.
    """
    jvm: Any = spark._jvm
    properties = jvm.java.util.Properties()
    try:
        properties.load(jvm.java.io.ByteArrayInputStream(path.read_bytes()))
    except OSError as error:
        raise ConfError(
            f"kafka.properties_file {path}: cannot be read ({error.strerror}). Expected the "
            "client.properties file that Kafka's own tools read. Check the path and permissions."
        ) from error
    except (IllegalArgumentException, Py4JJavaError) as error:
        raise ConfError(
            f"kafka.properties_file {path}: has a malformed \\u escape, expected \\u and four hex "
            "digits. Correct it; write a backslash of a value as \\\\."
        ) from error
    return {str(key): str(properties.getProperty(key)) for key in properties.stringPropertyNames()}
