"""Hides passwords in texts that people read or that are stored.

`say` and every `KinfoldError` pass through `masked`, so no message has to think of it.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

MASK = "***"
_SHORTEST = 4
"""Shorter secrets are hidden only where their place shows them: in a URL or after a name."""
_URL_WITH_PASSWORD = re.compile(
    # Not a port. A password may contain slashes and signs that should have been escaped.
    r"""://(?P<user>[^\s/'"<>:@]{0,200}):(?!\d{1,5}(?:[/?#,;)\s'"]|$))"""
    r"""(?P<password>[^\s'"<>]{0,500})@"""
)
_URL_WITH_USER = re.compile(r"""://[^\s/'"<>:@]{1,200}@""")
_AZURE = ("abfs", "abfss", "wasb", "wasbs")
"""Schemes of URIs in which a container is in the place of the user."""
# Lengths are limited everywhere, so that the time grows with the length of a text only.
_NAMES = (
    r"(?:password|passwd|pwd|secret|token|credential|signature|api[_.\-]?key|access[_.\-]?key"
    r"|private[_.\-]?key|(?<![a-z])id_key|keystore\.key|jaas\.config)[\w.\-]{0,40}"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_ABOUT_SECRETS = re.compile(
    r"[._\-](?:class|enabled?|file|id|location|ms|name|path|seconds|type|uri|url)$", re.IGNORECASE
)
"""Names such as `token.endpoint.url`: they tell where a secret is, or how it is used."""
_VALUE = r"""("[^"]{0,4000}"|'[^']{0,4000}'|[^\s&;,"'()]+)"""
_ASSIGNED = re.compile(rf"""((?:{_NAMES}|\bsig)["']?\s{{0,9}}=\s{{0,9}}){_VALUE}""", re.IGNORECASE)
_IN_JSON = re.compile(
    rf"""({_NAMES}["']\s{{0,9}}:\s{{0,9}})("[^"]{{0,4000}}"|'[^']{{0,4000}}')""", re.IGNORECASE
)

_remembered: set[str] = set()


def masked(text: str) -> str:
    """The text with `***` in place of passwords and secrets.

    Hidden are the user and password of a URL, values after names such as `password=`, and all
    secrets that were remembered.
    """
    text = _URL_WITH_PASSWORD.sub(f"://{MASK}@", text)
    text = _URL_WITH_USER.sub(_without_user, text)
    text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    text = _IN_JSON.sub(rf'\g<1>"{MASK}"', text)
    for secret in sorted(_remembered, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _without_user(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 5) : found.start()]
    return found.group() if before.endswith(_AZURE) else f"://{MASK}@"


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
