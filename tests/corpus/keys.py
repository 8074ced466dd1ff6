"""Uploads whose key or metadata decide, whatever their bytes are."""

from __future__ import annotations

import hashlib

from tests.corpus.cases import Case, good

_FOLDER = "inbox/stroke/training/"
_UNICODE = _FOLDER + "donn\u00e9es-\u60a3\u8005-\u00fc.csv"
_LONGEST = _FOLDER + "k" * (1024 - len(_FOLDER) - 4) + ".csv"


def _accepted(name: str, key: str, **metadata: str) -> Case:
    return Case(name, good(name), "ACCEPTED", 40, key=key, metadata=metadata)


def _settled(name: str, key: str, disposition: str, reason: str, data: bytes | None = None) -> Case:
    return Case(name, good(name) if data is None else data, disposition, reasons={reason: 1}, key=key)


KEYS: tuple[Case, ...] = (
    _accepted("plus-and-blanks", _FOLDER + "a+b c&d=e.csv"),
    _accepted("unicode", _UNICODE),
    _accepted("looks-encoded", _FOLDER + "a%2Fb%20c%2e%2e.csv"),
    _accepted("question-and-hash", _FOLDER + "a?b#c.csv"),
    _accepted("dots-in-a-name", _FOLDER + "march..csv"),
    _accepted("as-long-as-s3-allows", _LONGEST),
    _settled("climbs", _FOLDER + "../../heart/x.csv", "REJECTED", "key_shape"),
    _settled("climbs-away", "inbox/../../x.csv", "REJECTED", "key_shape"),
    _settled("is-dots", _FOLDER + "..", "REJECTED", "key_shape"),
    _settled("a-folder-more", _FOLDER + "2024/x.csv", "REJECTED", "key_shape"),
    _settled("two-slashes", "inbox/stroke//training/x.csv", "REJECTED", "key_shape"),
    _settled("control", _FOLDER + "a\x01b\n.csv", "REJECTED", "key_characters"),
    _settled("right-to-left-name", _FOLDER + "a\u202evsc.csv", "REJECTED", "key_characters"),
    _settled("markup-name", _FOLDER + "<img src=x onerror=alert(1)>.csv", "REJECTED", "key_characters"),
    _settled("formula-name", _FOLDER + "=cmd|'C'!A0.csv", "REJECTED", "key_characters"),
    _settled("no-such-use-case", "inbox/lung/training/x.csv", "REJECTED", "unknown_use_case"),
    _settled("no-such-purpose", "inbox/stroke/test/x.csv", "REJECTED", "unknown_purpose"),
    _settled("folder", _FOLDER, "IGNORED", "not_data", b""),
    _settled("inbox-itself", "inbox/", "IGNORED", "not_data", b""),
    _settled("leftover", _FOLDER + ".DS_Store", "IGNORED", "not_data"),
    _settled("outside", "elsewhere/x.csv", "IGNORED", "not_data"),
    _settled("at-the-top", "x.csv", "IGNORED", "not_data"),
    _settled("leading-slash", "/inbox/stroke/training/x.csv", "IGNORED", "not_data"),
    _accepted("declared", _FOLDER + "d.csv", sha256=hashlib.sha256(good("declared")).hexdigest().upper()),
    Case(
        "declared-otherwise",
        good("otherwise"),
        "REJECTED",
        reasons={"checksum_differs": 1},
        metadata={"sha256": "0" * 64},
    ),
    # The same bytes again, under another name and under their own; the same name with other bytes.
    Case("copy", good("plus-and-blanks"), "DUPLICATE", reasons={"same_bytes": 1}),
    Case("again", good("unicode"), "DUPLICATE", reasons={"same_bytes": 1}, key=_UNICODE),
    _accepted("new-version", _FOLDER + "a+b c&d=e.csv"),
    # A rejected file leaves nothing behind that a second one could be a duplicate of.
    Case("rejected-again", b"", "REJECTED", reasons={"empty_file": 1}),
)  # fmt: skip
