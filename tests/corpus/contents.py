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

import polars as pl

from tests.corpus.cases import STROKE, Case, good, lines, stroke_rows, text

HEAD = 256 * 1024


def _zip(name: str, data: bytes, *, packed: bool = True) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.writestr(name, data)
    return made.getvalue()


def _table(seed: str) -> bytes:
    made = io.BytesIO()
    pl.read_csv(good(seed), infer_schema_length=None).write_parquet(made)
    return made.getvalue()


def _refused(name: str, data: bytes, reason: str) -> Case:
    return Case(name, data, "REJECTED", reasons={reason: 1})


def _long(seed: str) -> bytes:
    """Make good rows beyond the head that is checked before a file is parsed."""
    return good(seed, 6000)


_MORE_COLUMNS = [f"c{n}" for n in range(501 - len(STROKE))]
_BOMB = gzip.compress(b"0" * 50_000_000)
_FOREIGN = {
    "gzip": ("compressed", gzip.compress(good("gzip"))),
    "gzip-bomb": ("compressed", _BOMB),
    "gzip-bomb-in-a-bomb": ("compressed", gzip.compress(_BOMB)),
    "zip": ("compressed", _zip("patients.csv", good("zip"))),
    "zip-bomb": ("compressed", _zip("patients.csv", b"0" * 50_000_000)),
    "xlsx": ("spreadsheet", _zip("xl/workbook.xml", b"<workbook/>")),
    "bzip2": ("compressed", bz2.compress(good("bz2"))),
    "xz": ("compressed", lzma.compress(good("xz"))),
    "pickle-0": ("pickle", pickle.dumps(dt.date(2020, 1, 1), protocol=0)),
    "pickle-2": ("pickle", pickle.dumps({"rows": [1, 2, 3]}, protocol=2)),
    "pickle-5": ("pickle", pickle.dumps({"rows": [1, 2, 3]}, protocol=5)),
    "pickle-that-runs": ("pickle", b"cos\nsystem\n(S'true'\ntR."),
    "html": ("html", b"<!DOCTYPE html><html><table><tr><td>" + good("html") + b"</td></tr></table></html>"),
    "html-after-blanks": ("html", b"\n \n <html><body>" + good("html2")),
    "html-after-a-mark": ("html", b"\xef\xbb\xbf<table>"),
    "xml": ("xml", b"<?xml version='1.0'?><patients/>"),
    "svg": ("xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "json": ("json", b'[{"id": 1, "age": 50}]\n'),
    "pdf": ("document", b"%PDF-1.7\n" + good("pdf")),
    "parquet": ("table_unreadable", b"PAR1" + bytes(100)),
    "arrow-stream": ("data_file", b"\xff\xff\xff\xff" + bytes(100)),
    "old-excel": ("spreadsheet", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)),
    "docx": ("document", _zip("word/document.xml", b"<document/>")),
    "ods": ("spreadsheet", _zip("mimetype", b"application/vnd.oasis.opendocument.spreadsheet", packed=False)),
    "picture": ("not_csv", b"\x89PNG\r\n\x1a\n" + bytes(100)),
}
CONTENTS: tuple[Case, ...] = (
    *(_refused(name, data, rule) for name, (rule, data) in _FOREIGN.items()),
    Case("a-parquet-file-named-csv", _table("table"), "ACCEPTED", 40),
    _refused("a-parquet-file-that-is-cut-off", _table("cut")[:-100], "table_unreadable"),
    _refused("zlib-after-text", good("zlib") + zlib.compress(good("zlib")) + b"\0", "binary_content"),
    _refused(
        "gzip-behind-rows", good("behind") + gzip.compress(good("behind"), mtime=0), "binary_content"
    ),
    _refused("utf-16", good("utf16").decode().encode("utf-16"), "utf16"),
    _refused("utf-16-le-unmarked", good("utf16le").decode().encode("utf-16-le"), "utf16"),
    _refused("utf-16-be-unmarked", good("utf16be").decode().encode("utf-16-be"), "utf16"),
    _refused("tar", b"a.csv".ljust(257, b"\0") + b"ustar\x0000" + bytes(248) + good("tar"), "compressed"),
    _refused("zeros", bytes(2000), "binary_content"),
    _refused("utf-32", good("utf32").decode().encode("utf-32"), "utf16"),
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
    Case("a-row-of-24-mb", text(["1," + "x" * 24_000_000]), "REJECTED", 0, 1, {"line_too_long": 1}),
    Case(
        "a-row-of-24-mb-late",
        _long("24 late") + b"y" * 24_000_000,
        "REJECTED",
        0,
        6001,
        {"line_too_long": 1, "set_aside_with_file": 6000},
    ),
    _refused("100000-columns", ",".join(f"c{n}" for n in range(100_000)).encode(), "line_too_long"),
    _refused("501-columns", text([], [*STROKE, *_MORE_COLUMNS]), "too_many_columns"),
    Case("a-row-of-100000-cells", good("wide") + b"," * 100_000 + b"\n", "PARTIAL", 40, 1,
         {"line_too_long": 1}),
    Case("a-cell-of-1-mb", good("cell") + b'7,"' + b"M" * 1_000_000 + b'"\n', "PARTIAL", 40, 1,
         {"line_too_long": 1}),
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
