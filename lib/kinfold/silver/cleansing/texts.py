"""Texts without the characters that nobody sees: white space at the ends, and invisible ones."""

import re
import unicodedata

# Control and format characters, and others without a glyph (zero-width, byte order mark, soft
# hyphen, direction marks, fillers, variation selectors). Line breaks and tabs are white space.
_RANGES = (
    (0x00, 0x08),
    (0x0E, 0x1B),
    (0x7F, 0x84),
    (0x86, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_CLASS = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in _RANGES)
_invisible = re.compile(f"[{_CLASS}]+")
_ends = re.compile(rf"\A[\s{_CLASS}]+|[\s{_CLASS}]+\Z")


def trimmed(text: str) -> str:
    """The text without white space and invisible characters at its ends."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _ends.sub("", text)


def visible(text: str) -> str:
    """The text as a reader sees it: trimmed, without invisible characters anywhere, and in Unicode
    normal form C, in which an accented letter has one spelling."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return unicodedata.normalize("NFC", _invisible.sub("", text)).strip()
