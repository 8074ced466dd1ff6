"""Messages of the training workflow: the plan of a run, and the verdict on its candidate."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.message import Count, Message, Name, Reference, Request, RunId, S3Uri, Sha256

Probability = Annotated[float, Field(gt=0, lt=1)]
Version = Annotated[int, Field(ge=1)]


class Digests(Message):
    """What a candidate is made of, by sha256; image, threshold and champion version stand for themselves."""

    model: Sha256
    manifest: Sha256
    evaluation: Sha256
    report: Sha256
    model_card: Sha256 | Literal[""]
    """"" of a model that is not ours, as the next two: its card is the vendor's."""
    model_card_chai: Sha256 | Literal[""]
    model_card_hti1: Sha256 | Literal[""]
    code: Sha256
    features: Sha256
    image: str
    threshold: str
    reference: Sha256 | Literal[""] = ""
    """The profile of its training patients, against which batches are judged; "" before it was kept here."""
    champion_version: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$")]
    """The live version that the evidence compares with; "0" where no model was live."""


class PlanTrainingRequest(Request):
    """Ask for the plan of a training run."""

    use_case: Name
    run_id: RunId
    reason: str


class ReleasedArchive(Message):
    """A released model as a candidate is held against it: where its archives lie, and when it flags."""

    prefix: S3Uri
    threshold: Probability
    live_version: Version
    run_id: RunId


class Tuning(Message):
    """What a tuning job keeps fixed, what it searches (in AWS's own words), and from which seed."""

    fixed: dict[str, str]
    ranges: dict[str, tuple[dict[str, str], ...]]
    seed: Count


class PlanTrainingResult(Message):
    """Which rows the run may read, how its models are grown, and what its candidate is held against."""

    use_case: Name
    run_id: RunId
    plan: Reference
    expected_rows: Count
    offline_prefix: S3Uri
    package_group: str
    hyperparameters: dict[str, dict[str, str]]
    tuning: Tuning
    feature_digest: Sha256
    champion: ReleasedArchive | None
    first_released: ReleasedArchive | None
    """None where the first released model is the live one, too."""
    holdout_uses: Count


class PlanEvaluationRequest(Request):
    """Ask for what the models of an existing run are evaluated against now."""

    use_case: Name
    run_id: RunId


class TrainedModel(Message):
    """Where a training job left a model, and everything that lies beside it."""

    model_uri: S3Uri
    prefix: S3Uri


class PlanEvaluationResult(Message):
    """The two models of a run, and what its candidate is held against now."""

    use_case: Name
    run_id: RunId
    expected_rows: Count
    package_group: str
    xgboost: TrainedModel
    logistic: TrainedModel
    champion: ReleasedArchive | None
    first_released: ReleasedArchive | None
    holdout_uses: Count


class JudgeRequest(Request):
    """Ask whether a candidate meets the promotion bar."""

    use_case: Name
    run_id: RunId
    evaluation_uri: S3Uri
    report_uri: S3Uri
    model_uri: S3Uri
    manifest_uri: S3Uri
    reference_uri: S3Uri
    image: str
    code_digest: Sha256


class JudgeResult(Message):
    """The verdict with what is unmet in words, the digests of the evidence, and the mail about it."""

    verdict: Literal["APPROVABLE", "BLOCKED", "OUTDATED"]
    """OUTDATED: another model has gone live than the one that it was compared with."""
    unmet: tuple[str, ...]
    digests: Digests
    threshold: Probability
    model_uri: S3Uri
    """Where the candidate's own model lies; reference and evaluation lie beside it."""
    reference_uri: S3Uri
    evaluation_uri: S3Uri
    summary: str
    subject: str
    message: str
