"""The mails about files, candidates, models and results: what happened, what it means, what to do.

No mail holds a patient or a value of any row. Those about findings are in `monitoring.memory`. A
subject is ASCII and below 100 characters, which is what SNS accepts. Standard library only.
"""

from __future__ import annotations

import shlex
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.messages.live_changes import Pause
    from clinrisk.messages.message import Reference

LONGEST_SUBJECT = 99


@dataclass(frozen=True)
class Mail:
    """A subject that SNS accepts, and a text."""

    subject: str
    text: str


def mail(subject: str, *paragraphs: str) -> Mail:
    r"""Return a mail of some paragraphs, leaving empty ones out.

    >>> mail("Größe", "First.", "", "Second.")
    Mail(subject='Groe', text='First.\n\nSecond.\n')
    """
    ascii_only = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode()
    one_line = " ".join(ascii_only.split())
    if len(one_line) > LONGEST_SUBJECT:
        one_line = one_line[: LONGEST_SUBJECT - 3].rstrip() + "..."
    return Mail(one_line, "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n")


def listed(lines: Sequence[str]) -> str:
    """Return lines as a list."""
    return "\n".join(f"- {line}" for line in lines)


def candidate_judged(title: str, run_id: str, summary: str, unmet: Sequence[str], report: str) -> Mail:
    """Return the mail on whether a candidate meets the promotion bar."""
    if unmet:
        return mail(
            f"{title}: the new candidate is blocked",
            f"The candidate of training run {run_id} does not meet the promotion bar, so nobody was asked to "
            "approve it. If a model is live, it stays live.",
            f"Not met:\n{listed(unmet)}",
            summary,
            f"Full report: {report}",
        )
    return mail(
        f"{title}: the new candidate meets the promotion bar",
        f"The candidate of training run {run_id} meets the promotion bar. An approver is being asked "
        "to decide.",
        summary,
        f"Full report: {report}",
    )


def approval_wanted(
    *,
    title: str,
    version: int,
    run_id: str,
    summary: str,
    comparison: str,
    unmet: Sequence[str],
    link: str,
    until: str,
    quorum: int = 1,
    external: bool = False,
) -> Mail:
    """Return the mail that asks an approver to decide, with this person's own link to the page.

    Of a model that is not ours, `external`, the question is about its reference.
    """
    return mail(
        f"{title}: please decide about version {version}",
        f"Version {version} of {_named(title, run_id, external=external)} is waiting for your decision.",
        summary,
        comparison,
        f"Not met:\n{listed(unmet)}" if unmet else "",
        f"Read the evidence and decide here:\n{link}",
        f"The link is yours and works until {until}. Opening it decides nothing: to decide, you enter the "
        "version number, a reason, and a code of your authenticator app. Whoever has the link can read what "
        "is behind it, so please do not forward it.",
        f"It takes {quorum} people of different roles to approve, and one to reject." if quorum > 1 else "",
    )


def reminder_of(asked: Mail) -> Mail:
    """Return a mail that was sent before as a reminder."""
    return mail(f"Reminder: {asked.subject}", asked.text.rstrip())


def unanswered(title: str, use_case: str, what: str, until: str) -> Mail:
    """Return the mail to whom the policy names that half of the time has passed without an answer."""
    return mail(
        f"{title}: no approver has answered yet",
        f"Half of the time has passed, and no approver has answered about {what}. It is open until {until}. "
        "The approvers were reminded.",
        f"Who they are, and what each lacks:\nclinrisk approvers list\n\nTo mail it once more:\n"
        f"clinrisk approvers resend {use_case}",
    )


def approver_invited(name: str, role: str, titles: Sequence[str], link: str, until: str) -> Mail:
    """Return the mail that invites an approver to enrol, with the link that does it once."""
    return mail(
        "Please enrol as an approver of clinrisk",
        f"{name}, you are to decide which models go live, as a {role} approver of {', '.join(titles)}.",
        f"Enrol here, with your phone and an authenticator app on it:\n{link}",
        f"The link works until {until}, and once. Whoever has it can enrol in your name: do not forward it. "
        "If you did not expect this mail, tell the administrator of the approvers.",
    )


def approver_locked(name: str, approver_id: str, until: str) -> Mail:
    """Return the mail to the operators that no code of an approver is taken for a while."""
    return mail(
        f"Approver locked: {name}",
        f"Five codes in a row or more that were entered under links of {name} were wrong. No code of {name} "
        f"is taken until {until}; each further wrong one doubles the wait, up to a day. Open questions stay "
        "open.",
        f"Ask {name} whether it was they. If not, somebody else has a link of theirs. To let {name} enrol "
        f"anew at once, which ends the present codes:\nclinrisk approvers invite {approver_id}",
    )


def candidate_rejected(
    title: str,
    version: int,
    run_id: str,
    deciders: Sequence[Mapping[str, str]],
    *,
    external: bool = False,
) -> Mail:
    """Return the mail that a person has rejected a candidate, or the reference of an `external` model."""
    return mail(
        f"{title}: version {version} was rejected",
        f"Version {version} of {_named(title, run_id, external=external)} was rejected. "
        + ("What it is watched against stays as it is." if external else "Nothing was released."),
        reasons_of(deciders),
    )


def _named(title: str, run_id: str, *, external: bool) -> str:
    return f"the reference of {title} ({run_id})" if external else f"{title} (training run {run_id})"


def reasons_of(deciders: Sequence[Mapping[str, str]]) -> str:
    """Return who decided, each with the reason.

    >>> reasons_of([{"name": "Ann Lee", "role": "clinical", "reason": "Well calibrated."}])
    'Decided by Ann Lee (clinical), with this reason: Well calibrated.'
    """
    return "\n".join(
        f"Decided by {one['name']} ({one['role']}), with this reason: {one['reason']}" for one in deciders
    )


def shadow_failed(title: str, run_id: str, batch: str, reason: str) -> Mail:
    """Return the mail to the operators that a candidate could not be compared with the live model."""
    what = "the recent batches" if batch == "replay" else f"upload {batch}"
    return mail(
        f"{title}: the shadow of a waiting candidate failed",
        f"The candidate of training run {run_id or 'unknown'} was not compared with the live model on "
        f"{what}. {reason}",
        "The results of the live model are not affected. The approval page says that this comparison "
        "is missing.",
    )


def recorded(entry: Reference) -> str:
    """Return what a mail states of the ledger: whoever rewrites that contradicts the mails of its day."""
    name = entry.uri.rpartition("/")[2]
    return f"In the ledger as {name}, sha256 {entry.sha256}.\nIs it still so? clinrisk audit verify"


def scored_from_now_on(pause: Pause | None) -> str:
    """Return what follows for new batches when another model is live; `pause` is the one that lasts."""
    if pause is None:
        return "From now on, new batches are scored by this version."
    return (
        f"Results are paused since {pause.since}, so nothing goes out yet: batches wait, and are scored by "
        f"this version when the pause ends: clinrisk resume {pause.use_case} --reason TEXT"
    )


def model_promoted(
    title: str,
    live_version: int,
    version: int,
    *,
    previous: int,
    pause: Pause | None,
    deciders: Sequence[Mapping[str, str]],
    entry: Reference,
) -> Mail:
    """Return the mail that a model is live; `previous` is 0 when none was live before.

    `pause`: the one that lasts, if there is one; `entry`: of its release in the ledger.
    """
    before = f"It replaces live version {previous}." if previous else "No model was live before."
    return mail(
        f"{title}: package version {version} is live",
        f"Package version {version} of {title} was approved and is now live, as live version {live_version}. "
        f"{before}",
        reasons_of(deciders),
        "All its files were checked again: they are the ones that were evaluated. "
        + scored_from_now_on(pause),
        recorded(entry),
    )


def patients(number: int) -> str:
    """Return a number of patients in words.

    >>> patients(1), patients(2)
    ('1 patient', '2 patients')
    """
    return "1 patient" if number == 1 else f"{number} patients"


def let_through(upload_id: str) -> str:
    """Return the advice on a held upload: the commands."""
    return (
        f"If the file is right as it is, let it through:\nclinrisk let-through {upload_id} --reason TEXT\n\n"
        f"If it is not, mend it and drop it again; then withdraw this one:\n"
        f"clinrisk withdraw {upload_id} --reason TEXT\n\nEverything that is held:\nclinrisk batches"
    )


def upload_settled(key: str, receipt: Mapping[str, Any], address: str) -> Mail:
    """Return the mail on what became of an upload, in the sentences of its receipt."""
    name = printable(key.rpartition("/")[2]) or "a file"
    outcomes = {
        "REJECTED": "was rejected",
        "PARTIAL": "was used in part",
        "FAILED": "could not be processed",
        "HELD": "is held",
    }
    outcome = outcomes.get(receipt["disposition"], "was processed")
    kind = f"{receipt['use_case']} {receipt['purpose']} file" if receipt["use_case"] else "File"
    used = "Rows that wait" if receipt["disposition"] == "HELD" else "Rows used"
    counts = f"{used}: {receipt['rows_accepted']}; rows not used: {receipt['rows_quarantined']}."
    return mail(
        f"{kind} {name} {outcome}",
        f"{kind} {name} {outcome}. {counts}",
        listed(receipt["explanation"]),
        f"Receipt: {printable(address)}",
        "The rows that were not used are in quarantine, with their row numbers (the header is row "
        "1), for the data manager."
        if receipt["rows_quarantined"]
        else "",
        let_through(receipt["upload_id"]) if receipt["disposition"] == "HELD" else "",
    )


def upload_failed(key: str, reason: str, address: str) -> Mail:
    """Return the mail to the operators that an upload failed after all retries."""
    name = printable(key)
    command = f"clinrisk redrive {shlex.quote(name)}" if name == key else "clinrisk redrive --all"
    return mail(
        f"Upload failed: {name}",
        f"{name} could not be processed after several attempts. None of its rows was used.",
        f"What failed: {printable(reason)}",
        "The failed execution in Step Functions shows the state, the log of the function shows the cause. "
        f"When the cause is fixed, start the file again with:\n{command}",
        "A redrive in the Step Functions console would not read the file again.",
        f"Receipt: {printable(address)}",
    )


def delivery_failed(key: str, reason: str) -> Mail:
    """Return the mail to the operators that one of several deliveries of the same upload failed."""
    name = printable(key)
    return mail(
        f"One of several deliveries failed: {name}",
        f"The event of {name} was delivered more than once. One delivery failed; another one is still "
        "running and will end with a receipt.",
        f"What failed: {printable(reason)}",
    )


def upload_stalled(key: str, reason: str, disposition: str, address: str) -> Mail:
    """Return the mail to the operators that a workflow failed after its upload had been settled."""
    name = printable(key)
    return mail(
        f"Workflow failed after an upload was settled: {name}",
        f"{name} had already been settled as {disposition} when its workflow failed. Its receipt is right; "
        "the steps that should have followed were not taken.",
        f"What failed: {printable(reason)}",
        f"Receipt: {printable(address)}",
    )


def printable(text: str) -> str:
    r"""Return a text with "?" for every character that is not printable ASCII, as keys and errors may have.

    >>> printable("march\u202e.csv\n")
    'march?.csv?'
    """
    return "".join(character if " " <= character <= "~" else "?" for character in text)
