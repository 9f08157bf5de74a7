"""Hides passwords in texts that people read or that are stored.

`say` and every `KinfoldError` pass through `masked`, so no message has to think of it.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

MASK = "***"
_SHORTEST = 4
"""Shorter secrets are hidden only where their place shows them: in a URL or after a name."""
_USER_AND_PASSWORD = (
    r"(?P<scheme>[A-Za-z][\w+.\-]*(?::[a-z]+)*://)"
    # Not a port. A password may contain slashes and signs that should have been escaped.
    r"""(?P<user>[^\s/'"<>:@]*):(?!\d+(?:[/?#,;)\s'"]|$))(?P<password>[^\s'"<>]*)@"""
)
_URL_WITH_PASSWORD = re.compile(_USER_AND_PASSWORD)
_URL_WITH_USER = re.compile(r"""((?<![\w+.\-])(?!abfs|wasb)[A-Za-z][\w+.\-]*://)[^\s/'"<>:@]+@""")
_NAMES = (
    r"[\w.\-]*(?:password|passwd|pwd|secret|token|credential|signature|api[_.\-]?key"
    r"|access[_.\-]?key|private[_.\-]?key|keystore\.key|jaas\.config)[\w.\-]*"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_ABOUT_SECRETS = re.compile(
    r"[._\-](?:class|enabled?|file|id|location|ms|name|path|seconds|type|uri|url)$", re.IGNORECASE
)
"""Names such as `token.endpoint.url`: they tell where a secret is, or how it is used."""
_ASSIGNED = re.compile(
    rf"""(\b(?:{_NAMES}|sig)["']?\s*=\s*)("[^"]*"|'[^']*'|[^\s&;,"'()]+)""", re.IGNORECASE
)
_IN_JSON = re.compile(rf"""(["']{_NAMES}["']\s*:\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)

_remembered: set[str] = set()


def masked(text: str) -> str:
    """The text with `***` in place of passwords and secrets.

    Hidden are the user and password of a URL, values after names such as `password=`, and all
    secrets that were remembered.
    """
    text = _URL_WITH_PASSWORD.sub(rf"\g<scheme>{MASK}@", text)
    text = _URL_WITH_USER.sub(rf"\g<1>{MASK}@", text)
    text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    text = _IN_JSON.sub(rf'\g<1>"{MASK}"', text)
    for secret in sorted(_remembered, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def has_password(uri: str) -> bool:
    """Whether a URI contains a password."""
    return _URL_WITH_PASSWORD.search(uri) is not None


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret, such as `ssl.key.password`."""
    return _SECRET_NAME.search(name) is not None and _ABOUT_SECRETS.search(name) is None


def remember_secret(value: str) -> None:
    """Hide a value in all texts of this process, wherever a library quotes it."""
    found = [value, *(match["password"] for match in _URL_WITH_PASSWORD.finditer(value))]
    if found[1:]:
        found = found[1:]  # the rest of the URL is not secret
    found += [text.strip("\"'") for _, text in _ASSIGNED.findall(value)]
    for secret in found:
        forms = {secret, unquote(secret), quote(secret, safe="")}
        _remembered.update(form for form in forms if len(form) >= _SHORTEST)


def remember_secrets(options: Mapping[str, object]) -> None:
    """Remember the values of all options whose names say that they are secrets."""
    for name, value in options.items():
        if is_secret_name(name) and isinstance(value, str):
            remember_secret(value)
