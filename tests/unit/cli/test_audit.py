"""`clinrisk audit`: what the ledger holds, and whether it is as it was written."""

from __future__ import annotations

import base64
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clinrisk.aws import kms
from clinrisk.core.digests import sha256
from clinrisk.core.ingest.upload_decisions import UploadDecisionEntry
from clinrisk.core.ledger.chain import ChainedEntry, entry_key, index_key, next_entry
from clinrisk.core.release.ledger_entries import DecisionEntry
from tests.unit.ledger.ledger_objects import Occurrence
from tests.unit.release.test_ledger_entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.core.ledger.events import LedgerEvent

WITHDRAWN = UploadDecisionEntry(
    use_case="stroke",
    purpose="inference",
    upload_id="a" * 20,
    object_key="inbox/stroke/inference/march.csv",
    version_id="v7",
    sha256="b" * 64,
    decision="WITHDRAW",
    person="anna",
    reason="Measured again.",
    decided_at="2026-03-01T09:30:00.000Z",
    execution="run-9",
    before="ACCEPTED",
    after="WITHDRAWN",
)
EVENTS: tuple[LedgerEvent, ...] = (
    ENTRY,
    WITHDRAWN,
    Occurrence(which=1, use_case="heart", at="2026-03-02T09:30:00.000Z"),
)


@pytest.fixture
def entries(deployment: Any) -> list[ChainedEntry]:
    return write(deployment, *EVENTS)


def write(deployment: Any, *events: LedgerEvent) -> list[ChainedEntry]:
    """Store a ledger of these events."""
    made: list[ChainedEntry] = []
    for event in events:
        made.append(next_entry(made[-1] if made else None, event))
        deployment.write("AuditBucket", entry_key(made[-1].number), made[-1].data.decode())
        deployment.write("AuditBucket", index_key(made[-1].identity), made[-1].index_data.decode())
    return made


@pytest.fixture(autouse=True)
def signing_key(monkeypatch: pytest.MonkeyPatch) -> EllipticCurvePrivateKey:
    """The decision key; moto's signs the digest of a digest."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(kms, "public_key", lambda: public)
    return key


def signed(key: EllipticCurvePrivateKey, decision: DecisionEntry) -> DecisionEntry:
    """Return a decision as the page signs it."""
    signature = key.sign(decision.signed_content, ECDSA(SHA256()))
    return replace(decision, signature=base64.b64encode(signature).decode())


@pytest.fixture
def release(deployment: Any, signing_key: EllipticCurvePrivateKey) -> Any:
    """A release that was signed: its entries, its pointer and its history."""
    decision = DecisionEntry(
        use_case="heart",
        run_id=ENTRY.run_id,
        package_arn=ENTRY.package_arn,
        package_version=ENTRY.package_version,
        approval_id=ENTRY.approval_id,
        digests=ENTRY.digests,
        decision="APPROVED",
        decided_at=ENTRY.decided_at,
        reason=ENTRY.reason,
        evidence=ENTRY.evidence,
        deciders=({"approver_id": "a1", "name": "Ann Lee", "role": "clinical"},),
    )
    write(deployment, signed(signing_key, decision), ENTRY)
    names = (
        "run_id",
        "package_arn",
        "package_version",
        "approval_id",
        "digests",
        "previous_version",
        "live_version",
    )
    facts = {name: getattr(ENTRY, name) for name in names} | {"threshold": Decimal(str(ENTRY.threshold))}

    def store(**changes: Any) -> None:
        for sort_key in ("LIVE", "VERSION#00000003"):
            item = facts | changes.get(sort_key.partition("#")[0], {})
            deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk=sort_key, **item)

    store()
    return store


def test_what_is_live_is_what_the_ledger_states(release: Any, clinrisk: Callable[..., Any]) -> None:
    answer = clinrisk("audit", "verify")
    assert (answer.code, "what is live is what it states: 2 entries" in answer.out) == (0, True)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"LIVE": {"threshold": Decimal("0.9")}},
            "live pointer states other facts than the ledger: threshold",
        ),
        ({"LIVE": {"digests": {"model": "9" * 64}}}, "other facts than the ledger: digests"),
        ({"LIVE": {"run_id": "another", "approval_id": "b"}}, "than the ledger: run_id, approval_id"),
        ({"LIVE": {"live_version": 4}}, "names version 4, the newest release in the ledger is 3"),
        ({"VERSION": {"package_version": 9}}, "version 3 of the history states other facts: package_version"),
        ({"VERSION": {"live_version": 2}}, "version 2 is missing in the ledger"),
    ],
    ids=str,
)
def test_a_row_that_was_edited_is_named(
    release: Any, clinrisk: Callable[..., Any], changes: dict[str, Any], what: str
) -> None:
    release(**changes)
    answer = clinrisk("audit", "verify")
    assert answer.code == 1
    printed = " ".join(answer.err.split())
    assert "The chain holds, 2 entries, but: heart: " in printed
    assert what in printed


@pytest.mark.parametrize(
    "changes",
    [{"reason": "Another."}, {"format": 2, "signature": ""}, {"signature": "c2lnbmVk"}, {"signature": "-"}],
    ids=str,
)
def test_a_decision_that_the_page_did_not_sign_is_named(
    deployment: Any, release: Any, clinrisk: Callable[..., Any], changes: dict[str, str]
) -> None:
    [decided] = [
        one["body"] for one in clinrisk("audit", "show", "--json").json() if one["event"] == "decided"
    ]
    write(deployment, DecisionEntry(**decided | changes), ENTRY)
    answer = clinrisk("audit", "verify")
    assert answer.code == 1
    assert "Entry 1: the signature of the decision about run heart-0123456789 does not hold" in " ".join(
        answer.err.split()
    )


@pytest.mark.usefixtures("release")
def test_a_decision_of_fewer_people_than_its_policy_asks_for_is_named(
    deployment: Any, signing_key: EllipticCurvePrivateKey, clinrisk: Callable[..., Any]
) -> None:
    [decided] = [
        one["body"] for one in clinrisk("audit", "show", "--json").json() if one["event"] == "decided"
    ]
    write(deployment, signed(signing_key, DecisionEntry(**decided | {"quorum": 2})), ENTRY)
    answer = clinrisk("audit", "verify")
    what = "Entry 1: fewer people decided about run heart-0123456789 than its policy asks for"
    assert (answer.code, what in " ".join(answer.err.split())) == (1, True)


def test_a_release_without_an_approval_is_named(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    write(deployment, ENTRY)
    answer = clinrisk("audit", "verify", "--json")
    difference = answer.json()["difference"]
    assert (answer.code, difference["number"]) == (1, 1)
    assert "no approval of what was released as version 3 stands before it" in difference["what"]


def test_verify_counts_the_entries_and_names_the_digest_of_the_newest(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    entries = write(deployment, *EVENTS[1:])
    answer = clinrisk("audit", "verify")
    assert answer.code == 0
    assert f"2 entries. sha256 of the newest: {entries[-1].sha256}\n" in answer.out
    key = sha256(kms.public_key())
    assert answer.out.endswith(f"sha256 of the key of decisions: {key}\n")
    expected = {"entries": 2, "head": entries[-1].sha256, "key": key, "difference": None}
    assert clinrisk("audit", "verify", "--json").json() == expected
    assert clinrisk("--json", "audit", "verify").json() == expected


@pytest.mark.usefixtures("deployment")
def test_an_empty_ledger_holds_and_shows_nothing(clinrisk: Callable[..., Any]) -> None:
    assert "0 entries" in clinrisk("audit", "verify").out
    assert "The ledger holds nothing of that kind." in clinrisk("audit", "show").out


def test_verify_names_the_first_difference_and_exits_with_1(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    entries = write(deployment, EVENTS[2], WITHDRAWN)
    altered = entries[1].data.decode().replace("Measured", "Mislaid.")
    deployment.write("AuditBucket", entry_key(2), altered)
    answer = clinrisk("audit", "verify")
    assert (answer.code, answer.out) == (1, "")
    assert "Entry 2 differs from its index object" in answer.err
    assert "Entries that hold up to it: 1." in answer.err
    assert "The ledger does not verify" in answer.err
    answer = clinrisk("audit", "verify", "--json")
    assert (answer.code, answer.json()["difference"]["number"]) == (1, 2)


def test_show_lists_number_time_event_use_case_and_what_happened(
    entries: list[ChainedEntry], clinrisk: Callable[..., Any]
) -> None:
    shown = clinrisk("audit", "show").out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "Audit ledger"
    assert lines[2].startswith(
        "1 2026-01-02 03:05 UTC released heart Version 3 of run heart-0123456789 is live"
    )
    assert "WITHDRAW by anna" in lines[3]
    listed = clinrisk("audit", "show", "--json").json()
    assert [one["sha256"] for one in listed] == [one.sha256 for one in entries]
    assert listed[1]["body"] == WITHDRAWN.body()


@pytest.mark.usefixtures("entries")
def test_show_takes_a_day_and_a_use_case(clinrisk: Callable[..., Any]) -> None:
    def numbers(*options: str) -> list[int]:
        return [one["number"] for one in clinrisk("audit", "show", "--json", *options).json()]

    assert numbers("--since", "2026-03-01") == [2, 3]
    assert numbers("--use-case", "heart") == [1, 3]
    assert numbers("--use-case", "heart", "--since", "2026-01-03") == [3]
    assert clinrisk("audit", "show", "--use-case", "hart").code == 2
    assert clinrisk("audit", "show", "--since", "yesterday").code == 2


@pytest.mark.usefixtures("entries")
def test_what_is_no_entry_is_not_shown_as_one(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    deployment.write("AuditBucket", entry_key(2), "{}")
    answer = clinrisk("audit", "show")
    assert answer.code == 1
    assert "Entry 2 of the ledger does not have the fields of an entry." in answer.err


def test_what_a_person_typed_cannot_move_the_cursor(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    write(deployment, replace(WITHDRAWN, reason="No\x1b[2J more\u202e."))
    [listed] = clinrisk("audit", "show", "--json").json()
    assert listed["what"].endswith("No?[2J more?.")
