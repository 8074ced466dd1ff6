"""The chain: entry n carries the sha256 of the bytes of entry n - 1, and the index names each event's entry.

    ledger/<number, 12 digits>.json    one entry: format, number, event, at, previous, identity, body
    ledger-index/<identity>.json       the number of the entry of that event, and the sha256 of its bytes

Both are canonical JSON and written once. The index only shortens a search: what it names is read and
compared. Values in, values out; `clinrisk.aws.ledger` stores them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.digests import canonical_json, sha256
from clinrisk.errors import LedgerAltered

if TYPE_CHECKING:
    from clinrisk.core.ledger.events import LedgerEvent

ENTRIES = "ledger/"
INDEX = "ledger-index/"
FORMAT = 1
BEFORE_THE_FIRST = "0" * 64
"""What the first entry carries in place of a digest."""
_FIELDS = {"format", "number", "event", "at", "previous", "identity", "body"}
_IDENTITY = re.compile(r"[A-Za-z0-9_./-]{1,300}")
_KEY = re.compile(rf"{ENTRIES}(\d{{12}})\.json")


def entry_key(number: int) -> str:
    """Return the key of an entry; sorts by number.

    >>> entry_key(7)
    'ledger/000000000007.json'
    """
    return f"{ENTRIES}{number:012d}.json"


def number_of(key: str) -> int | None:
    """Return the number in the key of an entry, or None for any other key.

    >>> number_of("ledger/000000000007.json"), number_of("ledger/7.json"), number_of("ledger/notes.txt")
    (7, None, None)
    """
    found = _KEY.fullmatch(key)
    return int(found[1]) if found else None


def index_key(identity: str) -> str:
    """Return the key of an event's index object.

    >>> index_key("heart/releases/00000003")
    'ledger-index/heart/releases/00000003.json'
    """
    return f"{INDEX}{identity}.json"


def identity_of(key: str) -> str:
    """Return the identity in the key of an index object.

    >>> identity_of("ledger-index/heart/releases/00000003.json")
    'heart/releases/00000003'
    """
    return key.removeprefix(INDEX).removesuffix(".json")


@dataclass(frozen=True)
class ChainedEntry:
    """One entry of the ledger, with the bytes that it is stored as."""

    number: int
    event: str
    at: str
    """When the event happened; entries are in the order in which they were written."""
    identity: str
    previous: str
    """The sha256 of the bytes of the entry before it."""
    body: dict[str, Any]
    data: bytes

    @property
    def sha256(self) -> str:
        """The digest that the next entry carries."""
        return sha256(self.data)

    @property
    def index_data(self) -> bytes:
        """The bytes of its index object."""
        return index_data(self.identity, self.number, self.sha256)

    @property
    def use_case(self) -> str:
        """The use case that it is about; empty for what concerns the stack."""
        return str(self.body.get("use_case", ""))


def index_data(identity: str, number: int, digest: str) -> bytes:
    """Return the bytes of the index object of an entry."""
    return canonical_json({"format": FORMAT, "identity": identity, "number": number, "sha256": digest})


def next_entry(newest: ChainedEntry | None, event: LedgerEvent) -> ChainedEntry:
    """Return the entry that an event gets after the newest one; number 1 when there is none."""
    number = newest.number + 1 if newest else 1
    envelope = {
        "format": FORMAT,
        "number": number,
        "event": event.event_name,
        "at": event.moment,
        "previous": newest.sha256 if newest else BEFORE_THE_FIRST,
        "identity": event.identity,
        "body": event.body(),
    }
    return parsed(number, canonical_json(envelope))


def parsed(number: int, data: bytes) -> ChainedEntry:
    """Return the entry that some bytes are; raises LedgerAltered where they are not entry `number`."""
    fault, envelope = fault_of(number, data)
    if fault:
        raise LedgerAltered(f"Entry {number} of the ledger {fault}.")
    return ChainedEntry(**{name: envelope[name] for name in _FIELDS - {"format"}}, data=data)


def fault_of(number: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """Return in words what keeps some bytes from being entry `number`, empty when nothing does, and its JSON.

    No more is asked here than that they are an entry: whether they are the ones that were written is a
    matter of the digest in the index and in the next entry.
    """
    try:
        envelope = json.loads(data)
        spelled = canonical_json(envelope)
    except (ValueError, RecursionError):
        return "is no JSON document", {}
    if not _has_fields(envelope):
        return "does not have the fields of an entry", {}
    if spelled != data:
        return "is not spelled as it was written", {}
    if envelope["number"] != number:
        return "carries another number than its name", {}
    return "", envelope


def _has_fields(envelope: Any) -> bool:
    return (
        isinstance(envelope, dict)
        and envelope.keys() == _FIELDS
        and envelope["format"] == FORMAT
        and isinstance(envelope["body"], dict)
        and all(isinstance(envelope[name], str) for name in ("event", "at", "previous", "identity"))
        and _IDENTITY.fullmatch(envelope["identity"]) is not None
    )


def pointed_to(identity: str, data: bytes) -> tuple[int, str]:
    """Return number and digest that an index object names; raises LedgerAltered where it is none."""
    try:
        pointer = json.loads(data)
        number, digest = int(pointer["number"]), str(pointer["sha256"])
    except (ValueError, TypeError, KeyError, RecursionError):
        number, digest = 0, ""
    if data != index_data(identity, number, digest) or number < 1:
        raise LedgerAltered(f"The index of the ledger is not what was written for {identity}.")
    return number, digest
