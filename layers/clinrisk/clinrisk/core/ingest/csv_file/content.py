"""The format of a file by its first bytes: text in UTF-8, or which known other format. Standard library only.

Nothing is unpacked, unpickled or rendered: of an archive only the plain names of its members are read.
"""

from __future__ import annotations

import re

from clinrisk.core.ingest.rules import FileRule, Problem

BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_ZIP = b"PK\x03\x04"
# First bytes -> the rule, and what senders call such a file.
_MAGIC = (
    (b"\x1f\x8b", FileRule.COMPRESSED, "a gzip archive"),
    (b"PK\x05\x06", FileRule.COMPRESSED, "an empty zip archive"),
    (b"BZh", FileRule.COMPRESSED, "a bzip2 archive"),
    (b"\xfd7zXZ", FileRule.COMPRESSED, "an xz archive"),
    (b"\x28\xb5\x2f\xfd", FileRule.COMPRESSED, "a zstandard archive"),
    (b"7z\xbc\xaf", FileRule.COMPRESSED, "a 7z archive"),
    (b"Rar!", FileRule.COMPRESSED, "a rar archive"),
    (b"\x04\x22\x4d\x18", FileRule.COMPRESSED, "an lz4 archive"),
    (b"\x1f\x9d", FileRule.COMPRESSED, "a compress archive (.Z)"),
    (b"\xd0\xcf\x11\xe0", FileRule.SPREADSHEET, "an old Excel (or Word) file"),
    (b"PARE", FileRule.DATA_FILE, "an encrypted Parquet file"),
    (b"\xff\xff\xff\xff", FileRule.DATA_FILE, "an Arrow stream"),
    (b"FEA1", FileRule.DATA_FILE, "an old Feather file"),
    (b"Obj\x01", FileRule.DATA_FILE, "an Avro file"),
    (b"\x89HDF", FileRule.DATA_FILE, "an HDF5 file"),
    (b"SQLite format 3", FileRule.DATA_FILE, "an SQLite database"),
    (b"$FL2", FileRule.DATA_FILE, "an SPSS file"),
    (b"<stata_dta", FileRule.DATA_FILE, "a Stata file"),
    (b"%PDF", FileRule.DOCUMENT, "a PDF"),
    (b"{\\rtf", FileRule.DOCUMENT, "a rich-text document"),
    (b"\x89PNG", FileRule.NOT_CSV, "a picture"),
    (b"\xff\xd8\xff", FileRule.NOT_CSV, "a picture"),
    (b"GIF8", FileRule.NOT_CSV, "a picture"),
    (b"\x7fELF", FileRule.NOT_CSV, "a program"),
    (b"MZ\x90", FileRule.NOT_CSV, "a program"),
)
_TABLES = ((b"PAR1", "a Parquet file"), (b"ARROW1\0\0", "an Arrow file"))
# The same for text, behind a byte order mark or blanks.
_SHAPES = (
    (re.compile(rb"\x80[\x02-\x05]|\(lp\d|\(dp\d|c[a-z_]+\n[a-z_]+\n"), FileRule.PICKLE, "a Python pickle"),
    (re.compile(rb"(?s).{257}ustar"), FileRule.COMPRESSED, "a tar archive"),
    (re.compile(rb"\s*<\?xml|\s*<svg[ >]", re.IGNORECASE), FileRule.XML, "XML"),
    (re.compile(rb"\s*<(?:!|[a-z]+[ >/])", re.IGNORECASE), FileRule.HTML, "a web page"),
    (re.compile(rb'\s*[\[{]\s*["\[{\]}]'), FileRule.JSON, "JSON"),
)
# Member names of a zip archive -> the rule and the format; the first that occurs decides.
_MEMBERS = (
    (b"word/", FileRule.DOCUMENT, "a Word document"),
    (b"ppt/", FileRule.DOCUMENT, "a presentation"),
    (b"opendocument.text", FileRule.DOCUMENT, "a text document"),
    (b"xl/", FileRule.SPREADSHEET, "a spreadsheet (xlsx)"),
    (b"opendocument.spreadsheet", FileRule.SPREADSHEET, "a spreadsheet (ods)"),
    (b"[Content_Types].xml", FileRule.SPREADSHEET, "an Office file, perhaps a spreadsheet (xlsx)"),
)


def table_format(head: bytes) -> str:
    """Return which table with types of its own begins with these bytes, "" where none does.

    >>> table_format(b"PAR1..."), table_format(b"id,age")
    ('a Parquet file', '')
    """
    return next((title for magic, title in _TABLES if head.startswith(magic)), "")


def problems_of(head: bytes, *, cut: bool) -> list[Problem]:
    """Return what keeps a file from being text in UTF-8; `cut` means that more bytes follow the head."""
    found = _recognised(head)
    if found:
        return [found]
    if b"\0" in head:
        return [Problem(FileRule.BINARY)]
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A head that is cut off may end inside a character; anything earlier is another encoding.
        if error.start < len(head) - 3 or not cut:
            return [Problem(FileRule.NOT_UTF8)]
    return []


def _recognised(head: bytes) -> Problem | None:
    """Return the known format that begins with these bytes, if there is one."""
    for magic, rule, title in _MAGIC:
        if head.startswith(magic):
            return Problem(rule, detail=title)
    if head.startswith(_ZIP):
        for member, rule, title in _MEMBERS:
            if member in head:
                return Problem(rule, detail=title)
        return Problem(FileRule.COMPRESSED, detail="a zip archive")
    text = head.removeprefix(BOM)
    for shape, rule, title in _SHAPES:
        if shape.match(text):
            return Problem(rule, detail=title)
    if head.startswith(_UTF16_BOMS) or _wide(head[:200]):
        return Problem(FileRule.UTF16)
    return None


def _wide(sample: bytes) -> bool:
    r"""Whether every letter stands among bytes that are zero, as ASCII in UTF-16 and UTF-32 does.

    >>> _wide("id,age".encode("utf-16-le")), _wide("id,age".encode("utf-32-be")), _wide(bytes(8))
    (True, True, False)
    """
    for width in (2, 4):
        for offset in range(width):
            text = sample[offset::width]
            if text and 0 not in text and len(sample) - sample.count(0) == len(text):
                return width * len(text) >= len(sample) > len(text)
    return False
