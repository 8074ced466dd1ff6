"""The mails about batches, outcomes and what people decide of uploads: cautions, then counts, then the way.

No mail holds a patient or a value of any row. Every action that a mail asks for is a command. Standard
library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.mails import Mail, let_through, listed, mail, patients, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.scoring.replay_entry import ReplayEntry
    from clinrisk.messages.ingest import UploadDecision

SHOWN = 12
"""The cautions that a mail states at most; the sidecar of the results has all."""


def batch_held(
    *, title: str, file_name: str, upload_id: str, rows: int, cautions: Sequence[str], recalled: str
) -> Mail:
    """Return the mail that a batch was held: what, where, by how much, and the remedy.

    `recalled`: where results of an earlier scoring lie, "" where there are none.
    """
    name = printable(file_name)
    return mail(
        f"{title}: {name} is held, " + ("its results are recalled" if recalled else "nothing was published"),
        f"Do not use {printable(recalled)} any longer: it was published before, and is recalled."
        if recalled
        else "",
        f"The results of {patients(rows)} of {name} are held, because the batch is not to be believed as it "
        "is." + ("" if recalled else " Nothing was published."),
        _shown(cautions),
        "Compare these columns with the system that they come from: the export, the units, the codes, the "
        "order of the rows.",
        let_through(upload_id),
    )


def _shown(cautions: Sequence[str]) -> str:
    """Return the first cautions as a list that says how many more there are."""
    more = len(cautions) - SHOWN
    return listed([*cautions[:SHOWN], *([f"... and {more} more."] if more > 0 else [])])


def batch_scored(sidecar: Mapping[str, Any], address: str) -> Mail:
    """Return the mail that the results of a batch are there: what a reader needs before the file.

    `sidecar` as `results_sidecar` makes it, and where it lies.
    """
    upload, counts, cautions = sidecar["upload"], sidecar["counts"], sidecar["cautions"]
    name = printable(parse_key(upload["key"]).file)
    rows, stated, replaced = counts["rows"], patients(counts["scored"]), sidecar.get("replaces", [])
    without = [
        f"{patients(counts['not_scored'])} without a risk: what a risk needs was not measured."
        if counts["not_scored"]
        else "",
        f"{patients(counts['uncertain'])} in the band uncertain: unlike those that the model learned from. "
        "Where such a risk is below the threshold, the flag is empty: it is no all-clear."
        if counts["uncertain"]
        else "",
        f"{counts['rows_not_used']} rows of the file broke a rule and are in no result: see its receipt."
        if counts["rows_not_used"]
        else "",
    ]
    return mail(
        f"{sidecar['title']}: {name} was scored ({stated})" + (", with cautions" if cautions else ""),
        f"Read this first:\n{_shown(cautions)}" if cautions else "",
        f"Live version {sidecar['model']['live_version']} scored {counts['scored']} of {patients(rows)} in "
        f"{name} and flagged {counts['flagged']}.",
        f"They replace the results of live version {replaced[0]['live_version']}, made at "
        f"{replaced[0]['scored_at']}: do not use copies of those any longer."
        if replaced
        else "",
        listed([line for line in without if line]),
        f"Results: {sidecar['results']['uri']}\nWhat its columns mean, and what it was made with: {address}",
        "If the file turns out to be wrong, withdraw it:\n"
        f"clinrisk withdraw {upload['upload_id']} --reason TEXT",
    )


def upload_decided(key: str, purpose: str, decision: UploadDecision, recalled: str) -> Mail:
    """Return the mail on what a person decided about an upload, and what follows."""
    name = printable(key.rpartition("/")[2]) or "a file"
    by = f"{printable(decision.person)} gave the reason: {printable(decision.reason)}"
    if decision.decision == "LET_THROUGH":
        follows = {
            "training": "Its rows count from now on, in the next training.",
            "inference": "It is being scored. The results carry the cautions for which it was held.",
            "predictions": "Its risks count from now on in monitoring.",
            "outcomes": "Its outcomes are being joined to their predictions.",
            "feedback": "Its responses are being joined to the predictions that they answer.",
        }
        return mail(f"{name} was let through", f"{name} was held and is let through. {by}", follows[purpose])
    follows = {
        "training": "The next training leaves its rows out. A candidate that learned from them can no longer "
        "be released; a model that was released before keeps what it learned from them.",
        "inference": "Its risks no longer count in monitoring.",
        "predictions": "Its risks no longer count in monitoring.",
        "outcomes": "Its outcomes no longer count; those that are left are joined anew.",
        "feedback": "Its responses no longer count; those that are left are joined anew.",
    }
    return mail(
        f"{name} was withdrawn" + (": its results are recalled" if recalled else ""),
        f"Do not use {printable(recalled)} any longer: it is recalled, and a notice lies next to it. The "
        "bucket keeps every version."
        if recalled
        else "",
        f"{name} was withdrawn: none of its rows counts any more. {by}",
        follows[purpose],
        "The same file may be dropped again: clinrisk drop FILE --as USE_CASE/PURPOSE",
    )


def outcomes_unclear(use_case: str, title: str, *, conflicting: int, earlier: int) -> Mail:
    """Return the mail that outcomes of a file do not count before somebody has looked at them."""
    return mail(
        f"{title}: outcomes that need a look",
        f"{patients(conflicting)} with outcomes that exclude one another, so that none of them counts."
        if conflicting
        else "",
        "Where a new outcome is the right one, send its row again with yes in a column named replaces; "
        "where a file was wrong as a whole, send all its rows so."
        if conflicting
        else "",
        f"{patients(earlier)} with an outcome dated before the prediction, which it does not answer. "
        "Where the date is wrong, send the row again with the right one and yes in a column named replaces."
        if earlier
        else "",
        f"All outcomes, file by file: clinrisk outcomes {use_case}",
    )


def feedback_unclear(use_case: str, title: str, *, earlier: int, unmatched: int) -> Mail:
    """Return the mail that responses of a file of feedback answer no prediction."""
    return mail(
        f"{title}: feedback that answers no prediction",
        f"Responses dated before every prediction of their patient: {earlier}. None of them counts. Where "
        "the date is wrong, send the row again with the right one."
        if earlier
        else "",
        f"Responses to patients of whom no batch states a risk: {unmatched}. Compare the ids with those of "
        "the results: another id of the same patient, or a file of another model?"
        if unmatched
        else "",
        f"All feedback, file by file: clinrisk feedback {use_case}",
    )


def replay_differs(*, title: str, file_name: str, address: str, entry: ReplayEntry) -> Mail:
    """Return the mail that published results do not follow from what is stored."""
    name = printable(file_name)
    return mail(
        f"{title}: a replay of {name} differs",
        f"The results of {name} by live version {entry.live_version} were made again from what is stored, "
        f"and are not the same. {entry.difference}",
        "Somebody may use these results: compare what depends on them, and hold further ones until it is "
        f"understood:\nclinrisk pause {entry.use_case} --reason TEXT",
        'What to do: docs/runbook.md, "A replay differs". To look once more:\n'
        f"clinrisk replay {entry.use_case} --id {entry.upload_id}",
        f"Results: {printable(address)}, version {entry.results_version_id}\n"
        f"Asked by: {printable(entry.person)}",
    )


def recall_notice(results: str, reason: str, decided_at: str) -> str:
    """Return the text that lies next to a recalled results file."""
    return (
        f"RECALLED at {decided_at}\n\n{results} is recalled: do not use its risks any longer.\n"
        f"Reason: {printable(reason)}\n\nWhat became of the upload: clinrisk batches\n"
    )
