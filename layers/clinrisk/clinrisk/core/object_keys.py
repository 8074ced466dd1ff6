"""The object keys of the Lake and the Results bucket, each format once. Standard library only."""

from __future__ import annotations

import hashlib

MODEL_CARD = {
    "model_card": "model-card.html",
    "model_card_chai": "model-card.xml",
    "model_card_hti1": "model-card.json",
}


def upload_id(bucket: str, key: str, version_id: str) -> str:
    """Return the id of one version of one object: 20 hex digits, the same for every delivery of its event.

    >>> len(upload_id("inbox", "inbox/heart/training/march.csv", "v7"))
    20
    """
    # A key that is not valid Unicode gets an id too, under which it is rejected.
    text = f"{bucket}/{key}@{version_id}".encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:20]


def features(use_case: str, purpose: str, upload: str, chunk: int) -> str:
    """Return the key of the features of one chunk (Parquet)."""
    return f"features/{use_case}/{purpose}/{upload}/chunk-{chunk:05d}.parquet"


def quarantine(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of the quarantined rows of one chunk (Parquet)."""
    return f"quarantine/{use_case}/{upload}/chunk-{chunk:05d}.parquet"


def outcomes(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of the outcomes of one chunk (Parquet)."""
    return f"outcomes/{use_case}/{upload}/chunk-{chunk:05d}.parquet"


def feedback(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of the responses of clinicians of one chunk (Parquet)."""
    return f"feedback/{use_case}/{upload}/chunk-{chunk:05d}.parquet"


def chunk_plan(use_case: str, upload: str) -> str:
    """Return the key of the list of a file's chunks, from which the Map of a large file reads its items."""
    return f"chunks/{use_case}/{upload}/plan.json"


def table_text(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of the lines that one chunk of a Parquet or Arrow file became (CSV, no header)."""
    return f"table-text/{use_case}/{upload}/chunk-{chunk:05d}.csv"


def table_refusal(use_case: str, upload: str) -> str:
    """Return the key of the reasons for which a Parquet or Arrow file is rejected."""
    return f"chunks/{use_case}/{upload}/refusal.json"


def chunk_part(use_case: str, upload: str, part: str, chunk: int) -> str:
    """Return the key of what one chunk leaves for later steps: "built", "digest-index", "written" ..."""
    return f"chunks/{use_case}/{upload}/{part}-{chunk:05d}"


def reconciliation(use_case: str, upload: str) -> str:
    """Return the key of the duplicates between the chunks of a file."""
    return f"chunks/{use_case}/{upload}/reconciliation.json"


def vault(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of one chunk's map back to the hospital's ids, which only two functions may read."""
    return f"{vault_folder(use_case, upload)}chunk-{chunk:05d}.parquet"


def vault_folder(use_case: str, upload: str) -> str:
    """Return the prefix of an upload's map back to the hospital's own ids."""
    return f"vault/{use_case}/{upload}/"


def profile(use_case: str, upload: str) -> str:
    """Return the key of an upload's profile."""
    return f"profiles/{use_case}/{upload}.json"


def transform_input(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of one chunk's CSV without header, which the batch transform scores by prefix."""
    return f"transform/{use_case}/{upload}/batch-{chunk:05d}.csv"


def training_plan(use_case: str, run_id: str) -> str:
    """Return the key of the plan of a training run."""
    return f"training/{use_case}/{run_id}/plan/plan.json"


def training_acted_on(use_case: str, run_id: str) -> str:
    """Return the key of the list `acted_on` as it was when a training run was planned."""
    return f"training/{use_case}/{run_id}/plan/acted_on.json"


def manifest(use_case: str, run_id: str) -> str:
    """Return the key of the manifest of a run's training set."""
    return f"training/{use_case}/{run_id}/set/manifest.json"


def trained_models(use_case: str, run_id: str, model: str) -> str:
    """Return the prefix under which the training jobs of one kind of model left what they made."""
    return f"models/{use_case}/{run_id}/{model}/"


def candidate(use_case: str, evaluation_name: str, artefact: str) -> str:
    """Return the key of what a judged candidate consists of: written once, and read ever after.

    >>> candidate("heart", "run-1", "model.tar.gz")
    'candidates/heart/run-1/model.tar.gz'
    """
    return f"candidates/{use_case}/{evaluation_name}/{artefact}"


def job_code(digest: str) -> str:
    """Return the key of the job code published under its digest."""
    return f"code/{digest}/clinrisk.pyz"


def predictions(use_case: str, upload: str) -> str:
    """Return the key of the predictions of a scored upload."""
    return f"predictions/{use_case}/{upload}.parquet"


def external_folder(use_case: str, upload: str) -> str:
    """Return the prefix of the predictions of an upload that others made, chunk by chunk."""
    return f"predictions/{use_case}/{upload}/"


def external_predictions(use_case: str, upload: str, chunk: int) -> str:
    """Return the key of one chunk of predictions that others made (Parquet)."""
    return f"{external_folder(use_case, upload)}chunk-{chunk:05d}.parquet"


def score_profile(use_case: str, upload: str) -> str:
    """Return the key of the score profile of a scored upload."""
    return f"score-profiles/{use_case}/{upload}.json"


def comparisons(use_case: str, run_id: str) -> str:
    """Return the prefix of the comparisons of a waiting candidate with the live model: counts, no patient."""
    return f"comparisons/{use_case}/{run_id}/"


def comparison(use_case: str, run_id: str, batch: str) -> str:
    """Return the key of a comparison: "replay" for the recent batches, else the upload id of the batch."""
    return f"{comparisons(use_case, run_id)}{batch}.json"


def joined_folder(use_case: str) -> str:
    """Return the prefix of what answers all scored uploads of a use case."""
    return f"joined/{use_case}/"


def joined(use_case: str, upload: str) -> str:
    """Return the key of what answers a scored upload: counts, labelled score profile, feedback profile."""
    return f"joined/{use_case}/{upload}.json"


def acted_on(use_case: str) -> str:
    """Return the key of the list of patients, by record id, whose flag was accepted by a clinician."""
    return f"acted-on/{use_case}.json"


def batches_with_outcomes(use_case: str, live_version: int) -> str:
    """Return the key of the list of batches that a live model scored and of which outcomes are known."""
    return f"monitoring/{use_case}/v{live_version}.json"


def outcome_overview(use_case: str) -> str:
    """Return the key of what became of all outcomes and feedback, in the Results bucket: counts alone."""
    return f"outcome-overviews/{use_case}.json"


def findings(use_case: str, execution: str) -> str:
    """Return the key of the findings of one monitoring run."""
    return f"findings/{use_case}/{execution}.json"


def model_pages(use_case: str) -> str:
    """Return the prefix of the editions of the page of a use case's live model, in the Results bucket."""
    return f"model-pages/{use_case}/"


def model_page(use_case: str, began: str, execution: str) -> str:
    """Return the key of the edition that a monitoring run made; the keys sort by when the run began.

    >>> model_page("heart", "2026-03-01T09-30-00", "a1b2")
    'model-pages/heart/2026-03-01T09-30-00-a1b2.html'
    """
    return f"{model_pages(use_case)}{began}-{execution}.html"


def report(use_case: str, run_id: str) -> str:
    """Return the key of the report on a candidate, in the Results bucket."""
    return f"reports/{use_case}/{run_id}/report.html"


def model_card(use_case: str, run_id: str) -> dict[str, str]:
    """Return the keys of a candidate's model card: the page, CHAI's XML and the HTI-1 attributes."""
    return {name: f"reports/{use_case}/{run_id}/{file}" for name, file in MODEL_CARD.items()}


def card_editions(use_case: str, run_id: str) -> str:
    """Return the prefix of the later editions of a model card, in the Results bucket."""
    return f"reports/{use_case}/{run_id}/editions/"


def card_edition(use_case: str, run_id: str, number: int, form: str) -> str:
    """Return the key of a later edition of a model card; the keys of a form ("json", "html") sort by number.

    >>> card_edition("heart", "run-1", 2, "html")
    'reports/heart/run-1/editions/model-card-0002.html'
    """
    return f"{card_editions(use_case, run_id)}model-card-{number:04d}.{form}"


def results_folder(use_case: str) -> str:
    """Return the prefix of all results of a use case, in the Results bucket."""
    return f"results/{use_case}/"


def results(use_case: str, stem: str, upload: str) -> str:
    """Return the key of the results of a scored file, in the Results bucket."""
    return f"results/{use_case}/{stem}/{upload}.csv"


def fhir_results(use_case: str, stem: str, upload: str) -> str:
    """Return the key of the same results as FHIR resources, next to the file."""
    return f"results/{use_case}/{stem}/{upload}.ndjson"


HOLDS_PATIENTS = {"holds": "patients"}
"""The tag of a results file, by which the bucket's own rule ends it and not the sidecar next to it."""


def sidecar(use_case: str, stem: str, upload: str) -> str:
    """Return the key of what is stated about a results file, next to it."""
    return f"results/{use_case}/{stem}/{upload}.json"


def recalled(use_case: str, stem: str, upload: str) -> str:
    """Return the key of the notice that a results file is recalled, next to it."""
    return f"results/{use_case}/{stem}/{upload}.RECALLED.txt"


def papers(report_uri: str) -> dict[str, str]:
    """Return the addresses of a report and of its model card's forms, by their names in the digests.

    >>> papers("s3://results/reports/heart/run-1/report.html")["model_card"]
    's3://results/reports/heart/run-1/model-card.html'
    """
    folder = report_uri.rpartition("/")[0]
    return {"report": report_uri} | {name: f"{folder}/{file}" for name, file in MODEL_CARD.items()}


def evaluation_name(evaluation_uri: str) -> str:
    """Return the name of one evaluation, under which all its evidence lies: the run's, or one made from it.

    >>> evaluation_name("s3://lake/evaluation/heart/run-1-0a1b2c3d/evaluation.json")
    'run-1-0a1b2c3d'
    """
    return evaluation_uri.split("/")[-2]


def evaluation(use_case: str, run_id: str) -> str:
    """Return the key of the evaluation of a candidate."""
    return f"evaluation/{use_case}/{run_id}/evaluation.json"


RECEIPTS = "receipts/"
"""The prefix of every receipt in the Results bucket; `inbox_keys.receipt_key` spells the rest."""


def erasure_folder(use_case: str, request_id: str) -> str:
    """Return the prefix of one request's file of ids and of how far it has come: gone when it is done."""
    return f"erasures/{use_case}/{request_id}/"


def erasure_ids(use_case: str, request_id: str) -> str:
    """Return the key of the ids that a person asks about: nobody but *Erase Patients* reads them."""
    return f"{erasure_folder(use_case, request_id)}ids.txt"


def erasure_progress(use_case: str, request_id: str) -> str:
    """Return the key of how far an erasure has come."""
    return f"{erasure_folder(use_case, request_id)}progress.json"


def erased(use_case: str, request_id: str) -> str:
    """Return the key of what was erased: keyed digests of pseudonyms, and of objects before and after."""
    return f"erased/{use_case}/{request_id}.json"


def legal_holds(use_case: str) -> str:
    """Return the prefix of the legal holds of a use case: keyed digests of pseudonyms."""
    return f"legal-holds/{use_case}/"


def legal_hold(use_case: str, request_id: str) -> str:
    """Return the key of one of them."""
    return f"{legal_holds(use_case)}{request_id}.json"


WRITTEN_BY_JOBS = (
    "training/{use_case}/{run_id}/set/training.csv",
    "training/{use_case}/{run_id}/set/holdout.csv",
    "training/{use_case}/{run_id}/set/reference.json",
    "training/{use_case}/{run_id}/set/tuning/{channel}/data.parquet",
    "models/{use_case}/{run_id}/{model}/{job}/output/model.tar.gz",
    "models/{use_case}/{run_id}/{model}/{job}/output/output.tar.gz",
    "models/{use_case}/{run_id}/trials/{job}/output/model.tar.gz",
    "scores/{use_case}/{upload}/v{live_version}/batch.csv.out",
    "presented/{use_case}/{upload}/part.parquet",
    "shadow/{use_case}/{run_id}/scores/{upload}/batch.csv.out",
    "replays/{use_case}/{upload}/{execution}/scores/batch.csv.out",
    "replays/{use_case}/{upload}/{execution}/presented/part.parquet",
    "offline-store/{account}/sagemaker/{region}/offline-store/{group}/data/part.parquet",
)
"""Objects of the Lake whose addresses no code of ours makes: jobs and the Feature Store write them where the
state machines and the template say. A test holds those against this list and the functions above."""
