"""The bundle of evidence: written once, checked without AWS, and every change of it is named."""

from __future__ import annotations

import base64
import zipfile
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cli.audit import evidence_bundle
from clinrisk.aws import kms
from clinrisk.core import object_keys
from clinrisk.core.digests import sha256
from clinrisk.core.ledger.chain import entry_key, index_key, next_entry
from clinrisk.core.release.ledger_entries import DecisionEntry
from tests.unit.ledger.ledger_objects import Occurrence
from tests.unit.release.test_ledger_entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clinrisk.core.ledger.chain import ChainedEntry

NAME = ENTRY.evaluation_name
PAPERS = {
    "evaluation": "{}",
    "manifest": '{"sources": []}',
    "report": "<html></html>",
    "model_card": "<html>card</html>",
    "model_card_chai": "<card/>",
    "model_card_hti1": "{}",
}
DIGESTS = {name: sha256(text.encode()) for name, text in PAPERS.items()} | {"model": "0" * 64}
RELEASE = replace(ENTRY, digests=DIGESTS)


@pytest.fixture
def entries(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> list[ChainedEntry]:
    """Leave what a release leaves: a signed decision, the release, something later, and the papers."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(kms, "public_key", lambda: public)
    names = ("use_case", "run_id", "package_arn", "package_version", "approval_id", "decided_at")
    facts = {name: getattr(RELEASE, name) for name in (*names, "reason", "evidence", "digests")}
    people = ({"approver_id": "a1", "role": "clinical", "name": "Ann Lee"},)
    decision = DecisionEntry(**facts, decision="APPROVED", deciders=people)
    signature = base64.b64encode(key.sign(decision.signed_content, ECDSA(SHA256()))).decode()
    later = Occurrence(which=1, use_case="heart", at="2026-03-02T09:30:00.000Z")
    made: list[ChainedEntry] = []
    for event in (replace(decision, signature=signature), RELEASE, later):
        made.append(next_entry(made[-1] if made else None, event))
        deployment.write("AuditBucket", entry_key(made[-1].number), made[-1].data.decode())
        deployment.write("AuditBucket", index_key(made[-1].identity), made[-1].index_data.decode())
    deployment.write("LakeBucket", object_keys.manifest("heart", RELEASE.run_id), PAPERS["manifest"])
    evaluation = object_keys.candidate("heart", NAME, "evaluation.json")
    deployment.write("LakeBucket", evaluation, PAPERS["evaluation"])
    deployment.write("ResultsBucket", object_keys.report("heart", NAME), PAPERS["report"])
    for name, address in object_keys.model_card("heart", NAME).items():
        deployment.write("ResultsBucket", address, PAPERS[name])
    uris = {
        f"{name}_uri": f"s3://{deployment.outputs['LakeBucket']}/{evaluation}" for name in ("evaluation",)
    }
    live = facts | uris | {"live_version": 3, "model_uri": "s3://lake/m", "reference_uri": "s3://lake/r"}
    live |= {"digests": DIGESTS | dict.fromkeys(("code", "features", "reference"), "0" * 64)}
    live["digests"] |= {"image": "image", "threshold": "0.31", "champion_version": "2"}
    live |= {
        "model_name": "m",
        "threshold": Decimal("0.31"),
        "feature_digest": "0" * 64,
        "promoted_at": "2026",
    }
    stored = {name: live[name] for name in live if name not in {"decided_at", "reason", "evidence"}}
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="VERSION#00000003", **stored)
    return made


@pytest.fixture
def bundle(entries: list[ChainedEntry], tmp_path: Path, clinrisk: Callable[..., Any]) -> Path:
    path = tmp_path / "heart-3.zip"
    answer = clinrisk("evidence", "heart", "3", "--out", path, "--json").json()
    assert (answer["entries"], answer["head"], answer["difference"]) == (3, entries[-1].sha256, "")
    return path


def test_a_bundle_holds_and_names_the_digests_to_compare(
    bundle: Path, entries: list[ChainedEntry], clinrisk: Callable[..., Any]
) -> None:
    shown = clinrisk("audit", "verify", "--bundle", bundle)
    assert shown.code == 0
    assert "The evidence holds: heart, live version 3 since 2026-01-02 03:05 UTC" in shown.out
    assert f"sha256 of the newest: {entries[-1].sha256}" in " ".join(shown.out.split())
    assert sha256(kms.public_key()) in shown.out


def test_the_same_evidence_is_the_same_bytes(
    bundle: Path, tmp_path: Path, clinrisk: Callable[..., Any]
) -> None:
    again = tmp_path / "again.zip"
    text = clinrisk("evidence", "heart", "3", "--out", again).out
    assert f"clinrisk audit verify --bundle {again}" in " ".join(text.split())
    assert again.read_bytes() == bundle.read_bytes()


def changed(path: Path, name: str, data: bytes | None) -> None:
    """Write a bundle again with other bytes under a name, or without it."""
    with zipfile.ZipFile(path) as archive:
        files = {one: archive.read(one) for one in archive.namelist() if one != name}
    evidence_bundle.write(files if data is None else files | {name: data}, path)


def paper_of(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as archive:
        return next(one for one in archive.namelist() if one.startswith(f"papers/{name}."))


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_with_other_bytes_or_none_is_named(
    bundle: Path, clinrisk: Callable[..., Any], name: str
) -> None:
    paper = paper_of(bundle, name)
    for data, why in ((b"other", "is not the one that was judged"), (None, "is missing")):
        changed(bundle, paper, data)
        answer = clinrisk("audit", "verify", "--bundle", bundle)
        assert answer.code == 1
        assert f"The {name.replace('_', ' ')} {why}." in answer.err


def test_an_entry_with_another_byte_or_none_breaks_the_chain(
    bundle: Path, entries: list[ChainedEntry], clinrisk: Callable[..., Any]
) -> None:
    altered = entries[1].data.replace(b"Calibration", b"Kalibration")
    changed(bundle, entry_key(2), altered)
    answer = clinrisk("audit", "verify", "--bundle", bundle, "--json")
    assert (answer.code, answer.json()["entries"]) == (1, 2)
    assert answer.json()["difference"].startswith("Entry 3 does not carry the sha256 of entry 2")
    changed(bundle, entry_key(2), None)
    assert "Entry 2 carries another number" in clinrisk("audit", "verify", "--bundle", bundle).err


def test_a_decision_that_another_key_signed_does_not_hold(bundle: Path, clinrisk: Callable[..., Any]) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    public = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    changed(bundle, "decision-key.der", public)
    assert "the signature of the decision about run heart-0123456789 does not hold" in " ".join(
        clinrisk("audit", "verify", "--bundle", bundle).err.split()
    )


def test_a_ledger_that_ends_before_the_release_is_no_evidence(
    bundle: Path, clinrisk: Callable[..., Any]
) -> None:
    for number in (2, 3):
        changed(bundle, entry_key(number), None)
    assert "does not state the release" in clinrisk("audit", "verify", "--bundle", bundle).err


def test_an_entry_that_was_made_up_is_an_answer_and_no_crash(
    bundle: Path, entries: list[ChainedEntry], clinrisk: Callable[..., Any]
) -> None:
    empty = Occurrence(which=2, use_case="heart", at="2026-03-03T09:30:00.000Z")
    made_up = next_entry(entries[-1], empty).data.replace(b'"event":"occurred"', b'"event":"released"')
    assert made_up != next_entry(entries[-1], empty).data
    changed(bundle, entry_key(4), made_up)
    answer = clinrisk("audit", "verify", "--bundle", bundle)
    assert answer.code == 1
    assert "lacks what each of them states" in answer.err


@pytest.mark.parametrize("name", ["README.txt", "decision-key.der"])
def test_what_is_no_bundle_is_refused_with_the_command_that_makes_one(
    bundle: Path, clinrisk: Callable[..., Any], name: str
) -> None:
    changed(bundle, name, b"nothing")
    answer = clinrisk("audit", "verify", "--bundle", bundle)
    assert answer.code == 1
    assert "is no bundle of evidence" in " ".join(answer.err.split())
    assert "clinrisk evidence USE_CASE VERSION" in answer.err


@pytest.mark.usefixtures("entries")
def test_a_version_that_never_was_has_no_evidence(clinrisk: Callable[..., Any]) -> None:
    answer = clinrisk("evidence", "heart", "7")
    assert answer.code == 1
    assert "There was no live version 7 of heart." in answer.err
