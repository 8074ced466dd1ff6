"""The evidence for one release as a zip file that anybody checks without AWS.

README.txt            what is in it, and how to check it
decision-key.der      the public half of the key that signs decisions
papers/               evaluation, report, model card and manifest, as they were judged
ledger/<number>.json  every entry of the ledger, from the first to the newest
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.audit.table_comparison import PublicKey
from cli.command_errors import CliError
from clinrisk.core import object_keys
from clinrisk.core.digests import sha256
from clinrisk.core.ledger import chain, reconciliation, verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cli.stack import Stack
    from clinrisk.core.ledger.chain import ChainedEntry

KEY, PAPERS, README = "decision-key.der", "papers/", "README.txt"
# Dates of the files in an archive: the same evidence is the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MANIFEST = "manifest"


@dataclass(frozen=True)
class CheckedBundle:
    """What a check of a bundle found."""

    release: Mapping[str, Any]
    """The body of the ledger's entry of the release."""
    entries: int
    head: str
    """The sha256 of the newest entry in it."""
    key: str
    """The sha256 of the public key in it."""
    difference: str
    """The first thing that does not hold; empty where all of it does."""


def collect(deployed: Stack, use_case: str, version: int) -> dict[str, bytes]:
    """Return the files of the bundle of a live version; raises CliError where there was none."""
    from clinrisk.aws import kms, ledger
    from clinrisk.aws.tables import deployments

    model = deployments.version(use_case, version)
    entries = ledger.entries()
    release = _release(entries, use_case, version)
    if model is None or release is None:
        raise CliError(
            f"There was no live version {version} of {use_case}.",
            f"See which there were: clinrisk history {use_case}",
        )
    report = deployed.output("ResultsBucket"), object_keys.report(use_case, release["evaluation_name"])
    manifest = deployed.output("LakeBucket"), object_keys.manifest(use_case, release["run_id"])
    papers = object_keys.papers(f"s3://{report[0]}/{report[1]}")
    # A model that is not ours has no card.
    addresses = {name: uri for name, uri in papers.items() if release["digests"][name]} | {
        "evaluation": model.evaluation_uri,
        _MANIFEST: f"s3://{manifest[0]}/{manifest[1]}",
    }
    files = {f"{PAPERS}{_named(name, uri)}": _read(deployed, uri) for name, uri in addresses.items()}
    files |= {chain.entry_key(entry.number): entry.data for entry in entries}
    return files | {KEY: kms.public_key(), README: _readme(use_case, version).encode()}


def write(files: Mapping[str, bytes], path: Path) -> None:
    """Write the files as a zip archive, the same bytes for the same files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)


def check(path: Path) -> CheckedBundle:
    """Check a bundle with nothing but what is in it; raises CliError where it is none.

    Chain, signatures and digests of the papers: whoever made it up anew, with a key of their own, shows by
    the sha256 of the key, and by that of an entry that somebody kept.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        title = files[README].decode().splitlines()[0]
        use_case, version = title.removeprefix(_TITLE).split(", live version ")
        key = PublicKey(files[KEY])
    except (zipfile.BadZipFile, KeyError, ValueError, UnicodeDecodeError) as error:
        raise CliError(
            f"{path} is no bundle of evidence.", "Make one: clinrisk evidence USE_CASE VERSION --out FILE"
        ) from error
    numbered = {number: data for name, data in files.items() if (number := chain.number_of(name))}
    entries = [numbered[number] for number in sorted(numbered)]
    found = _chain(entries)
    parsed = [chain.parsed(number, data) for number, data in enumerate(entries[: found.count], start=1)]
    release: dict[str, Any] = {}
    try:
        release = _release(parsed, use_case, int(version)) or {}
        _, forged = reconciliation.releases(parsed, key.signed)
        differences = [one.what for one in (found.difference, forged) if one]
        what = (differences or [_of_papers(release, files)])[0]
    except (KeyError, TypeError, ValueError):
        what = "An entry about a decision or a release lacks what each of them states."
    return CheckedBundle(release, found.count, found.head, sha256(files[KEY]), what)


def _chain(entries: list[bytes]) -> verification.Verification:
    """Verify the chain alone: the index shortens searches in the bucket, and is not in a bundle."""
    index: dict[str, bytes] = {}
    for number, data in enumerate(entries, start=1):
        fault, envelope = chain.fault_of(number, data)
        if not fault:
            identity = envelope["identity"]
            index.setdefault(identity, chain.index_data(identity, number, sha256(data)))
    return verification.verify(entries, index, len(entries))


def _release(entries: Iterable[ChainedEntry], use_case: str, version: int) -> dict[str, Any] | None:
    live = (one.body for one in entries if one.event in reconciliation.LIVE and one.use_case == use_case)
    return next((body for body in live if body["live_version"] == version), None)


def _of_papers(release: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Return the first paper that is not the one that was judged; empty where all are."""
    if not release:
        return "The ledger in it does not state the release."
    there = {name.removeprefix(PAPERS): data for name, data in files.items() if name.startswith(PAPERS)}
    by_name = {name.partition(".")[0]: data for name, data in there.items()}
    cards = (name for name in object_keys.MODEL_CARD if release["digests"][name])
    for name in (_MANIFEST, "evaluation", "report", *cards):
        if name not in by_name:
            return f"The {name.replace('_', ' ')} is missing."
        if sha256(by_name[name]) != release["digests"][name]:
            return f"The {name.replace('_', ' ')} is not the one that was judged."
    return ""


def _named(name: str, uri: str) -> str:
    return f"{name}.{uri.rpartition('.')[2]}"


def _read(deployed: Stack, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return deployed.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


_TITLE = "The evidence for "


def _readme(use_case: str, version: int) -> str:
    return f"""{_TITLE}{use_case}, live version {version}

Check it, without AWS:
clinrisk audit verify --bundle FILE

papers/           evaluation, report, model card and manifest of the training data, as they were judged
ledger/           every entry of the audit ledger; each carries the sha256 of the one before it
{KEY}  the public key of decisions: ECDSA, P-256, over the SHA-256 of the entry's body without its signature,
                  as JSON with sorted keys, no blanks, UTF-8

Compare the sha256 of the key and of the newest entry with those that you know from elsewhere: mails about
releases state them, and so does clinrisk audit verify.
"""
