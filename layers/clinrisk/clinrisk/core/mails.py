"""The mails about models: what happened, what it means, what to do; no patient, no value of any row.

A subject is ASCII and below 100 characters, which is what SNS takes.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_SUBJECT = 99


@dataclass(frozen=True)
class Mail:
    """A subject that SNS takes, and a text."""

    subject: str
    text: str


def mail(subject: str, *paragraphs: str) -> Mail:
    r"""Compose a mail of paragraphs.

    >>> mail("Größe", "First.", "", "Second.")
    Mail(subject='Groe', text='First.\n\nSecond.\n')
    """
    ascii_only = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode()
    one_line = " ".join(ascii_only.split())
    if len(one_line) > LONGEST_SUBJECT:
        one_line = one_line[: LONGEST_SUBJECT - 3].rstrip() + "..."
    return Mail(one_line, "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n")


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def candidate_judged(title: str, run_id: str, summary: str, unmet: Sequence[str], report: str) -> Mail:
    """Say what the judgement of a candidate was."""
    if unmet:
        return mail(
            f"{title}: the new candidate is blocked",
            f"The candidate of training run {run_id} does not meet the promotion bar, so nobody was asked to "
            "approve it. The model that was live before stays live.",
            f"Not met:\n{_listed(unmet)}",
            summary,
            f"The full report: {report}",
        )
    return mail(
        f"{title}: the new candidate meets the promotion bar",
        f"The candidate of training run {run_id} meets the promotion bar. An approver is asked to decide.",
        summary,
        f"The full report: {report}",
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
) -> Mail:
    """Ask an approver, with the link."""
    return mail(
        f"{title}: please decide about version {version}",
        f"Version {version} of {title} (training run {run_id}) waits for your decision.",
        summary,
        comparison,
        f"Not met:\n{_listed(unmet)}" if unmet else "",
        f"Read the evidence and decide here:\n{link}",
        f"The link is open until {until}. Opening it changes nothing; deciding takes the version number and "
        "a reason. It lets whoever holds it decide: please do not forward it.",
    )


def shadow_failed(title: str, run_id: str, batch: str, reason: str) -> Mail:
    """Tell the operators that a candidate was not compared with the live model; no patient is affected."""
    what = "the recent batches" if batch == "replay" else f"upload {batch}"
    return mail(
        f"{title}: the shadow of a waiting candidate failed",
        f"The candidate of training run {run_id or 'unknown'} was not compared with the live model on "
        f"{what}. {reason}",
        "The live model's results are not affected. The approval page says that this comparison is missing.",
    )


def model_promoted(title: str, live_version: int, version: int, previous: int, reason: str) -> Mail:
    """Say what is live now."""
    before = f"It replaces live version {previous}." if previous else "No model was live before."
    return mail(
        f"{title}: package version {version} is live",
        f"Package version {version} of {title} was approved and is live now, as live version {live_version}. "
        f"{before}",
        f"The reason that was given: {reason}",
        "Every artefact was hashed again and is what was evaluated. New batches are scored by it "
        "from now on.",
    )


def batch_scored(
    *, title: str, file_name: str, rows: int, flagged: int, live_version: int, results: str
) -> Mail:
    """Say that a batch's results are there."""
    return mail(
        f"{title}: {rows} patients of {file_name} are scored",
        f"{rows} patients of {file_name} were scored by live version {live_version}; {flagged} of them are "
        "flagged.",
        f"The results: {results}",
    )


def upload_settled(key: str, receipt: Mapping[str, Any], address: str) -> Mail:
    """Say what became of an upload, in the receipt's own sentences."""
    name = printable(key.rpartition("/")[2]) or "a file"
    word = {"REJECTED": "was rejected", "PARTIAL": "was used in part", "FAILED": "could not be processed"}
    told = word.get(receipt["disposition"], "was settled")
    kind = f"{receipt['use_case']} {receipt['purpose']} file" if receipt["use_case"] else "File"
    counts = f"Rows used: {receipt['rows_accepted']}; rows set aside: {receipt['rows_quarantined']}."
    return mail(
        f"{kind} {name} {told}",
        f"{kind} {name} {told}. {counts}",
        _listed(receipt["explanation"]),
        f"The receipt: {printable(address)}",
        "The rows that were set aside are kept in quarantine, with row numbers (row 1 is the line below the "
        "header), for the data manager."
        if receipt["rows_quarantined"]
        else "",
    )


def upload_failed(key: str, reason: str, address: str) -> Mail:
    """Tell the operators that an upload was parked."""
    return mail(
        f"Upload failed: {printable(key)}",
        f"{printable(key)} could not be processed after several tries. No row of it was used.",
        f"What failed: {printable(reason)}",
        "The execution in Step Functions says in which state, and the function's log says why. When the "
        "cause is gone, start it again with: clinrisk redrive. Redriving the execution in Step Functions "
        "would not read the file again.",
        f"The receipt: {printable(address)}",
    )


def delivery_failed(key: str, reason: str) -> Mail:
    """Tell the operators that a delivery failed while another of the same upload is being worked on."""
    return mail(
        f"One of several deliveries failed: {printable(key)}",
        f"The event of {printable(key)} was delivered more than once. One delivery failed, another is still "
        "being worked on and will end with a receipt.",
        f"What failed: {printable(reason)}",
    )


def upload_stalled(key: str, reason: str, disposition: str, address: str) -> Mail:
    """Tell the operators that a workflow failed after its upload had been settled."""
    return mail(
        f"Workflow failed after an upload was settled: {printable(key)}",
        f"{printable(key)} had been settled as {disposition} when its workflow failed. Its rows are as its "
        "receipt says; only what should have followed did not happen.",
        f"What failed: {printable(reason)}",
        f"The receipt: {printable(address)}",
    )


def printable(text: str) -> str:
    r"""Give a text without anything that is not plain ASCII: keys and names of errors come from outside.

    >>> printable("march\u202e.csv\n")
    'march?.csv?'
    """
    return "".join(character if " " <= character <= "~" else "?" for character in text)
