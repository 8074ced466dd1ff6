"""Every way in which clinrisk says no, as one tree; its names are the workflows' API (`ErrorEquals`).

    ClinriskError
    +-- UploadError            a file or its key cannot be used; the sender can mend it
    |   +-- KeyRefused         the key names no use case, no purpose or no file
    |   +-- FileRefused        the file as a whole is set aside (wrong header, not CSV, wrong unit ...)
    |   +-- NotData            nothing to ingest (folder marker): ignored, not an error of the sender
    +-- UnknownUseCase         no such file in clinrisk/use_cases
    +-- SameBytesInProgress    another upload of the same bytes is being read: ask again when it is settled
    +-- ClaimLost              the upload, or its bytes, belong to another execution by now
    +-- CountsDisagree         accepted + quarantined is not the number of rows: never commit
    +-- FeatureMismatch        data and model do not have the same features in the same order
    +-- ContractChanged        a file was read under another version of its contract than the code has by now
    +-- NotEnoughData          too few rows or events to train or to judge
    +-- MachineTooSmall        a job's data do not fit into the memory of its machine
    +-- OfflineStoreBehind     the offline store does not hold the committed rows yet: try again later
    +-- EvidenceChanged        an artefact no longer has the digest that was approved
    +-- LedgerAltered          what lies in the audit ledger is not what was written there
    +-- DecisionMissing        no recorded decision allows this promotion
    +-- DecisionForged         a decision does not carry the signature of the page that takes decisions
    +-- ReleaseAltered         what is live is not what was approved: bytes, threshold, or the model served
    +-- ChampionChanged        another model is live than the one that the evidence compares with
    +-- ChangeRefused          a rollback, a pause or its end that what is live does not allow
    +-- ScoringPaused          somebody has paused the use case: nothing of it is published
    +-- TrainingFileWithdrawn  a file that the candidate learned from does not count any more
    +-- DecisionInvalid        an approval link or form that is forged, expired, used or incomplete
    +-- CodeRefused            a one-time code that is wrong, was used, or is taken from nobody any more
    +-- ApproverInvalid        no such approver, or one that cannot be added or invited as asked
    +-- ApprovalRejected       the approver said no (sent as the task's failure)
    +-- ApprovalExpired        nobody answered in time
    +-- CandidateBlocked       the candidate did not clear the promotion bar
    +-- NoLiveModel            nothing has been promoted for this use case
    +-- JobFailed              a training, processing or transform job ended badly; carries its own reason
    +-- NoSlotFree             a workflow has waited for its turn as long as one may
    +-- ReplayImpossible       what a replay of published results needs is not stored any more
    +-- FormatUnknown          a stored item has a format that a later version of this system wrote
    +-- ObjectMissing          a stored object that a reference names is not there
    +-- ObjectReplaced         an object was written by somebody else while it was written again
    +-- SettingMissing         the template forgot a variable that a function needs
    +-- TransientError         worth the same call again (throttled, not there yet)
    +-- ServiceRefused         AWS refused a call: a right or a key is missing, and may come back
    +-- Defect                 a fault of our own: what and where, without the words of whoever raised it

Messages state facts that the reader may see anywhere (mail, log, history): names of columns and rules,
counts and row numbers, never a cell's value.
"""

from __future__ import annotations


class ClinriskError(Exception):
    """The root: catch this to catch everything that clinrisk raises on purpose."""


class UploadError(ClinriskError):
    """A file or its key cannot be used; `rules` says why, `columns` where, both safe to show.

    >>> error = UploadError("The header lacks a column.", rules=("columns_missing",), columns=("age",))
    >>> error.rules, error.columns
    (('columns_missing',), ('age',))
    """

    def __init__(self, message: str, *, rules: tuple[str, ...] = (), columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.rules = rules
        self.columns = columns


class KeyRefused(UploadError):
    """The key does not name a use case, a purpose and a file."""


class FileRefused(UploadError):
    """The file as a whole is set aside."""


class NotData(UploadError):
    """There is nothing to ingest here: a folder marker or a key outside the inbox."""


class UnknownUseCase(ClinriskError):
    """No module of that name in clinrisk/use_cases."""


class SameBytesInProgress(ClinriskError):
    """Another upload of the same bytes is being read; the same question later will be answered."""


class ClaimLost(ClinriskError):
    """The upload, or its bytes, belong to another execution by now: this one must not settle it."""


class CountsDisagree(ClinriskError):
    """Accepted and quarantined rows do not add up to the rows that were read."""


class FeatureMismatch(ClinriskError):
    """Data and model do not share the same features in the same order."""


class ContractChanged(ClinriskError):
    """A file was read under another version of the use case's contract than the code has by now."""


class NotEnoughData(ClinriskError):
    """Too few rows or events to train or to judge."""


class MachineTooSmall(ClinriskError):
    """A job's data do not fit into the memory of its machine."""


class OfflineStoreBehind(ClinriskError):
    """The offline store does not hold every committed row yet; the same question later may succeed."""


class EvidenceChanged(ClinriskError):
    """An artefact no longer has the digest under which it was evaluated or approved."""


class LedgerAltered(ClinriskError):
    """What lies in the audit ledger is not what was written there, or not what this call has to write."""


class DecisionMissing(ClinriskError):
    """Our own records hold no decision that allows this."""


class DecisionForged(ClinriskError):
    """A decision does not carry the signature of the page that takes decisions, or was altered since."""


class ReleaseAltered(ClinriskError):
    """What is live is not, in every part, what the signed decision approved."""


class ChampionChanged(ClinriskError):
    """Another model is live than the one that the evidence compares with."""


class ChangeRefused(ClinriskError):
    """A rollback, a pause or its end does not fit what is live now."""


class ScoringPaused(ClinriskError):
    """No results of the use case go out until somebody resumes it."""


class TrainingFileWithdrawn(ClinriskError):
    """The candidate learned from a file whose rows do not count any more."""


class DecisionInvalid(ClinriskError):
    """An approval link or form is forged, expired, used or incomplete."""


class CodeRefused(ClinriskError):
    """A one-time code is wrong, was used before, or is taken from nobody any more; the message says which."""


class ApproverInvalid(ClinriskError):
    """There is no such approver, or this one cannot be added or invited as asked."""


class ApprovalRejected(ClinriskError):
    """The approver decided against the candidate."""


class ApprovalExpired(ClinriskError):
    """Nobody decided before the approval ran out."""


class CandidateBlocked(ClinriskError):
    """The candidate did not clear the promotion bar."""


class NoLiveModel(ClinriskError):
    """Nothing has been promoted for this use case."""


class JobFailed(ClinriskError):
    """A job ended badly; the message is the job's own reason."""


class NoSlotFree(ClinriskError):
    """A workflow has waited for its turn as long as one may; it can be started again."""


class ReplayImpossible(ClinriskError):
    """Something that published results were made from is not stored any more; the message says what."""


class FormatUnknown(ClinriskError):
    """A stored item has a format that a later version of this system wrote."""


class ObjectMissing(ClinriskError):
    """A stored object that a reference names is not there."""


class ObjectReplaced(ClinriskError):
    """An object was written by somebody else while it was read and written again."""


class SettingMissing(ClinriskError):
    """The function's environment lacks a variable that it needs."""


class TransientError(ClinriskError):
    """Worth the same call again."""


class ServiceRefused(ClinriskError):
    """AWS refused a call (rights, a disabled key, a missing resource); somebody has to mend it."""


class Defect(ClinriskError):
    """A fault of our own; the message says of which kind and where, and repeats nobody's text."""
