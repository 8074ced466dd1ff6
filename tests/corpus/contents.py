"""Files that are no CSV in UTF-8 whatever their name says, and files at the limits of what a CSV may be."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

from tests.corpus.cases import STROKE, Case, good, lines, stroke_rows, text

HEAD = 256 * 1024


def _zip(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def _refused(name: str, data: bytes, reason: str) -> Case:
    return Case(name, data, "REJECTED", reasons={reason: 1})


def _long(seed: str) -> bytes:
    """Give good rows beyond what is looked at before a file is parsed."""
    return good(seed, 6000)


_BOMB = gzip.compress(b"0" * 50_000_000)
_ARCHIVES = {
    "gzip": gzip.compress(good("gzip")),
    "gzip-bomb": _BOMB,
    "gzip-bomb-in-a-bomb": gzip.compress(_BOMB),
    "zip": _zip("patients.csv", good("zip")),
    "zip-bomb": _zip("patients.csv", b"0" * 50_000_000),
    "xlsx": _zip("xl/workbook.xml", b"<workbook/>"),
    "bzip2": bz2.compress(good("bz2")),
    "xz": lzma.compress(good("xz")),
    "pickle-0": pickle.dumps(dt.date(2020, 1, 1), protocol=0),
    "pickle-2": pickle.dumps({"rows": [1, 2, 3]}, protocol=2),
    "pickle-5": pickle.dumps({"rows": [1, 2, 3]}, protocol=5),
    "pickle-that-runs": b"cos\nsystem\n(S'true'\ntR.",
    "html": b"<!DOCTYPE html><html><table><tr><td>" + good("html") + b"</td></tr></table></html>",
    "html-after-blanks": b"\n \n <html><body>" + good("html2"),
    "html-after-a-mark": b"\xef\xbb\xbf<table>",
    "xml": b"<?xml version='1.0'?><patients/>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "json": b'[{"id": 1, "age": 50}]\n',
    "pdf": b"%PDF-1.7\n" + good("pdf"),
    "parquet": b"PAR1" + bytes(100),
    "old-excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
}
CONTENTS: tuple[Case, ...] = (
    *(_refused(name, data, "not_csv") for name, data in _ARCHIVES.items()),
    _refused("zlib-after-text", good("zlib") + zlib.compress(good("zlib")) + b"\0", "binary_content"),
    _refused(
        "gzip-behind-rows", good("behind") + gzip.compress(good("behind"), mtime=0), "binary_content"
    ),
    _refused("utf-16", good("utf16").decode().encode("utf-16"), "not_utf8"),
    _refused("utf-16-le-unmarked", good("utf16le").decode().encode("utf-16-le"), "not_utf8"),
    _refused("utf-16-be-unmarked", good("utf16be").decode().encode("utf-16-be"), "not_utf8"),
    _refused("utf-32", good("utf32").decode().encode("utf-32"), "not_utf8"),
    _refused("latin-1", good("latin") + "77,M\u00e4nnlich".encode("latin-1"), "not_utf8"),
    _refused("overlong-utf-8", good("overlong") + b"77,\xc0\xaf\n", "not_utf8"),
    _refused("surrogates-in-utf-8", good("surrogate") + b"77,\xed\xa0\x80\n", "not_utf8"),
    Case("latin-1-late", _long("latin late") + b"77,M\xe4nnlich\n", "REJECTED", 0, 6001, {"not_utf8": 6001}),
    _refused("nul", good("nul")[:200] + b"\0" + good("nul")[200:], "binary_content"),
    Case("nul-late", _long("nul late") + b"\0\n", "REJECTED", 0, 6001, {"binary_content": 6001}),
    _refused("empty", b"", "empty_file"),
    _refused("nothing-but-line-ends", b"\n\r\n" * 500, "empty_file"),
    _refused("carriage-returns-alone", good("mac").replace(b"\n", b"\r"), "line_ends"),
    _refused("one-line-of-24-mb", b"x" * 24_000_000, "line_too_long"),
    _refused("a-row-of-24-mb", text(["1," + "x" * 24_000_000]), "line_too_long"),
    Case(
        "a-row-of-24-mb-late",
        _long("24 late") + b"y" * 24_000_000,
        "REJECTED",
        0,
        6001,
        {"line_too_long": 1, "set_aside_with_file": 6000},
    ),
    _refused("100000-columns", ",".join(f"c{n}" for n in range(100_000)).encode(), "line_too_long"),
    _refused("501-columns", text([], [*STROKE, *(f"c{n}" for n in range(489))]), "too_many_columns"),
    _refused("a-row-of-100000-cells", good("wide") + b"," * 100_000, "line_too_long"),
    _refused("a-cell-of-1-mb", good("cell") + b'7,"' + b"M" * 1_000_000 + b'"\n', "line_too_long"),
    Case("a-cell-of-5-kb", good("5kb") + b"7," + b"M" * 5000 + b"\n", "PARTIAL", 40, 1, {"cell_too_long": 1}),
    Case("blank-lines", good("blank") + b"\n" * 2_000_000, "REJECTED", 0, 40, {"mostly_empty_lines": 40}),
    Case("mark-and-crlf", b"\xef\xbb\xbf" + text(lines(stroke_rows("bom")), end="\r\n"), "ACCEPTED", 40),
    Case("mixed-line-ends", good("mixed").replace(b"\n", b"\r\n", 20), "ACCEPTED", 40),
    Case("no-line-end-at-the-end", good("no end").rstrip(b"\n"), "ACCEPTED", 40),
    Case("blank-lines-between", good("between").replace(b"\n", b"\n \n"), "ACCEPTED", 40),
    Case("everything-quoted", b"\n".join(
        b",".join(b'"%s"' % one for one in line.split(b",")) for line in good("quoted").splitlines()
    ), "ACCEPTED", 40),
)  # fmt: skip
