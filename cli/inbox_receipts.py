"""Receipts in the Results bucket: those of an inbox key, those of a file's name, or the newest of all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from cli.bucket_objects import RESULTS, objects_under, read_json
from clinrisk.core.ingest import inbox_keys
from clinrisk.core.ingest.inbox_keys import INBOX
from clinrisk.core.object_keys import RECEIPTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from cli.stack import Stack


@dataclass(frozen=True)
class Receipt:
    """One receipt: the inbox key and version it is for, when it was written, and the document itself."""

    key: str
    version_id: str
    written: datetime
    document: Mapping[str, Any]

    @property
    def disposition(self) -> str:
        """ACCEPTED, PARTIAL, REJECTED, IGNORED, DUPLICATE or FAILED."""
        return str(self.document.get("disposition", "?"))

    def as_json(self) -> dict[str, Any]:
        """Return the document with the key, version and time that it is found by."""
        return dict(self.document) | {
            "key": self.key,
            "version_id": self.version_id,
            "written": self.written.isoformat(),
        }


def inbox_key(use_case: str, purpose: str, name: str) -> str:
    """Return the key of a file in the inbox.

    >>> inbox_key("heart", "training", "march.csv")
    'inbox/heart/training/march.csv'
    """
    return f"{INBOX}{use_case}/{purpose}/{name}"


def full_key(text: str) -> str:
    """Return an inbox key as typed, with or without `inbox/` in front."""
    return text if text.startswith(INBOX) else INBOX + text


def short_key(key: str) -> str:
    """Return an inbox key as people read it: without `inbox/` in front."""
    return key.removeprefix(INBOX)


def split_object_key(object_key: str) -> tuple[str, str]:
    """Return the inbox key and the version that a receipt's own key is made of.

    >>> split_object_key("receipts/inbox/heart/training/march.csv.v7.json")
    ('inbox/heart/training/march.csv', 'v7')
    """
    key, _, version = object_key.removeprefix(RECEIPTS).removesuffix(".json").rpartition(".")
    return key, version


def find(stack: Stack, target: str | None, *, limit: int) -> list[Receipt]:
    """Return the newest receipts: all, or those of one inbox key or of one file name."""
    if target is not None and "/" in target:
        key = full_key(target)
        named_by_digest = list(objects_under(stack, RESULTS, inbox_keys.digest_prefix(key)))
        listed = chain(objects_under(stack, RESULTS, RECEIPTS + key), named_by_digest)
        target = None if named_by_digest else target
    else:
        listed = chain(objects_under(stack, RESULTS, RECEIPTS))
    found = [(one["LastModified"], one["Key"]) for one in listed if _matches(one["Key"], target)]
    return [_read(stack, at, name) for at, name in sorted(found, reverse=True)[:limit]]


def _matches(name: str, target: str | None) -> bool:
    key, _ = split_object_key(name)
    if target is None:
        return True
    return key == full_key(target) if "/" in target else key.rpartition("/")[2] == target


def _read(stack: Stack, written: datetime, name: str) -> Receipt:
    key, version_id = split_object_key(name)
    document = read_json(stack, RESULTS, name)
    # A key that was refused is not repeated in the receipt's own key: only the document has it.
    return Receipt(str(document.get("key", key)), version_id, written, document)


def receipt_of(stack: Stack, key: str, version_id: str) -> Receipt | None:
    """Return the receipt of one version of one key, or None while the pipeline still works on it."""
    from botocore.exceptions import ClientError

    name = inbox_keys.receipt_key(key, version_id)
    try:
        answer = stack.s3.get_object(Bucket=stack.output(RESULTS), Key=name)
    except ClientError as error:
        # Without the right to list, S3 answers 403 for what is not there.
        if error.response["Error"]["Code"] in {"NoSuchKey", "404", "AccessDenied", "403"}:
            return None
        raise
    return Receipt(key, version_id, answer["LastModified"], json.loads(answer["Body"].read()))


def current_version(stack: Stack, key: str) -> str | None:
    """Return the version of a key that lies in the inbox now; None when nothing was dropped there."""
    from botocore.exceptions import ClientError

    try:
        return stack.s3.head_object(Bucket=stack.output("InboxBucket"), Key=key).get("VersionId", "null")
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise


def digest_of(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
