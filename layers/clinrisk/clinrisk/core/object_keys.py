"""Where everything lies: the keys of Lake and Results, each spelled once. Standard library only."""

from __future__ import annotations

import hashlib

MODEL_CARD = {
    "model_card": "model-card.html",
    "model_card_chai": "model-card.xml",
    "model_card_hti1": "model-card.json",
}


def upload_id(bucket: str, key: str, version_id: str) -> str:
    """Name one version of one object: 20 hex digits, the same for every delivery of its event.

    >>> len(upload_id("inbox", "inbox/heart/training/march.csv", "v7"))
    20
    """
    # A key that is not valid Unicode still gets an id, to be refused under.
    text = f"{bucket}/{key}@{version_id}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:20]


def features(use_case: str, purpose: str, upload: str, chunk: int) -> str:
    """Give the features of one chunk, as Parquet."""
    return f"features/{use_case}/{purpose}/{upload}/chunk-{chunk:05d}.parquet"


def quarantine(use_case: str, upload: str, chunk: int) -> str:
    """Give the rows of one chunk that were set aside, as Parquet."""
    return f"quarantine/{use_case}/{upload}/chunk-{chunk:05d}.parquet"


def outcomes(use_case: str, upload: str, chunk: int) -> str:
    """Give the outcomes of one chunk, as Parquet."""
    return f"outcomes/{use_case}/{upload}/chunk-{chunk:05d}.parquet"


def chunk_plan(use_case: str, upload: str) -> str:
    """Give the list of a file's chunks, from which a large file's Map reads its items."""
    return f"chunks/{use_case}/{upload}/plan.json"


def chunk_part(use_case: str, upload: str, part: str, chunk: int) -> str:
    """Return the key of what one chunk leaves for later steps: "built", "digest-index", "written" ..."""
    return f"chunks/{use_case}/{upload}/{part}-{chunk:05d}"


def reconciliation(use_case: str, upload: str) -> str:
    """Give what the chunks of a file say of one another."""
    return f"chunks/{use_case}/{upload}/reconciliation.json"


def vault(use_case: str, upload: str, chunk: int) -> str:
    """Give one chunk's part of the map back to the hospital's ids, which only Publish Results may read."""
    return f"{vault_folder(use_case, upload)}chunk-{chunk:05d}.parquet"


def vault_folder(use_case: str, upload: str) -> str:
    """Give where an upload's map back to the hospital's own ids lies."""
    return f"vault/{use_case}/{upload}/"


def profile(use_case: str, upload: str) -> str:
    """Give an upload's profile."""
    return f"profiles/{use_case}/{upload}.json"


def transform_input(use_case: str, upload: str, chunk: int) -> str:
    """Give one chunk's part of the headerless CSV that the batch transform scores, prefix by prefix."""
    return f"transform/{use_case}/{upload}/batch-{chunk:05d}.csv"


def training_plan(use_case: str, run_id: str) -> str:
    """Give the plan of a training run."""
    return f"training/{use_case}/{run_id}/plan/plan.json"


def manifest(use_case: str, run_id: str) -> str:
    """Give the manifest of a run's training set."""
    return f"training/{use_case}/{run_id}/set/manifest.json"


def job_code(digest: str) -> str:
    """Give the job code published under its digest."""
    return f"code/{digest}/clinrisk.pyz"


def predictions(use_case: str, upload: str) -> str:
    """Give the predictions of a scored upload."""
    return f"predictions/{use_case}/{upload}.parquet"


def score_profile(use_case: str, upload: str) -> str:
    """Give the score profile of a scored upload."""
    return f"score-profiles/{use_case}/{upload}.json"


def comparisons(use_case: str, run_id: str) -> str:
    """Give the folder of the comparisons of a waiting candidate with the live model: counts, no patient."""
    return f"comparisons/{use_case}/{run_id}/"


def comparison(use_case: str, run_id: str, batch: str) -> str:
    """Give one comparison: "replay" for the recent batches, else the upload id of the batch."""
    return f"{comparisons(use_case, run_id)}{batch}.json"


def joined(use_case: str, upload: str) -> str:
    """Give the score profile of a scored upload with its outcomes joined."""
    return f"joined/{use_case}/{upload}.json"


def findings(use_case: str, execution: str) -> str:
    """Give the findings of one monitoring run."""
    return f"findings/{use_case}/{execution}.json"


def report(use_case: str, run_id: str) -> str:
    """Give the report on a candidate, in the Results bucket."""
    return f"reports/{use_case}/{run_id}/report.html"


def model_card(use_case: str, run_id: str) -> dict[str, str]:
    """Give the forms of a candidate's model card beside its report: page, CHAI's XML, HTI-1 attributes."""
    return {name: f"reports/{use_case}/{run_id}/{file}" for name, file in MODEL_CARD.items()}


def results(use_case: str, stem: str, upload: str) -> str:
    """Give the results of a scored file, in the Results bucket."""
    return f"results/{use_case}/{stem}/{upload}.csv"


def papers(report_uri: str) -> dict[str, str]:
    """Return the addresses of a report and of its model card's forms, by their names in the digests.

    >>> papers("s3://results/reports/heart/run-1/report.html")["model_card"]
    's3://results/reports/heart/run-1/model-card.html'
    """
    folder = report_uri.rpartition("/")[0]
    return {"report": report_uri} | {name: f"{folder}/{file}" for name, file in MODEL_CARD.items()}


def evaluation(use_case: str, run_id: str) -> str:
    """Return the key of the evaluation of a candidate."""
    return f"evaluation/{use_case}/{run_id}/evaluation.json"


RECEIPTS = "receipts/"
"""The prefix of every receipt in the Results bucket; `inbox_keys.receipt_key` spells the rest."""


WRITTEN_BY_JOBS = (
    "training/{use_case}/{run_id}/set/training.csv",
    "training/{use_case}/{run_id}/set/holdout.csv",
    "training/{use_case}/{run_id}/set/reference.json",
    "training/{use_case}/{run_id}/set/tuning/{channel}/data.parquet",
    "models/{use_case}/{run_id}/{model}/{job}/output/model.tar.gz",
    "models/{use_case}/{run_id}/trials/{job}/output/model.tar.gz",
    "scores/{use_case}/{upload}/v{live_version}/batch.csv.out",
    "presented/{use_case}/{upload}/part.parquet",
    "shadow/{use_case}/{run_id}/scores/{upload}/batch.csv.out",
    "offline-store/{account}/sagemaker/{region}/offline-store/{group}/data/part.parquet",
)
"""Objects of the Lake whose addresses no code of ours makes: jobs and the Feature Store write them where the
state machines and the template say. A test holds those against this list and the functions above."""
