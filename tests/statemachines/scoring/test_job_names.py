"""Names of scoring jobs fit into what SageMaker accepts, and no two kinds of work share one."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Any

import jsonata
from hypothesis import example, given
from hypothesis import strategies as st

from clinrisk.core.operations.slot_pool import shortened
from clinrisk.messages.operations import SlotRequest
from tests.statemachines.definitions import everything
from tests.statemachines.scoring.test_play_scoring import waiting

# As in the API reference of CreateTransformJob and CreateProcessingJob; then our messages' Name and RunId.
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)
RUNS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", fullmatch=True)
UPLOADS = st.from_regex(r"[0-9a-f]{20}", fullmatch=True)
VERSIONS = st.integers(1, 999_999)
ATTEMPTS = st.one_of(
    st.just(""),
    st.from_regex(r"(let)?[0-9a-f]{4}", fullmatch=True),
    st.integers(1, 999).map("again{}".format),
)
STATES = {one.name: one.state for one in everything() if one.machine == "scoring"}
ASKING = ("Wait To Score", "Wait To Present", "Wait To Shadow", "Wait To Compare")
[LONGEST] = (one.max_length for one in SlotRequest.model_fields["job"].metadata)


@cache
def parsed(expression: str) -> Any:
    found = jsonata.Jsonata.jsonata(expression.strip().removeprefix("{%").removesuffix("%}"))
    found.register_lambda("hash", lambda text, _kind: hashlib.sha256(text.encode()).hexdigest())
    return found


def value(expression: str, **variables: Any) -> Any:
    """Return what an expression of the definition gives for variables."""
    found = parsed(expression)
    for name, one in variables.items():
        found.assign(name, one)
    return found.evaluate(None)


def job_names(use_case: str, upload_id: str, version: int, run_id: str, attempt: str) -> list[str]:
    """Return the names under which a scoring asks for its turns."""
    upload = {"use_case": use_case, "upload_id": upload_id}
    live = {"live_version": version, "run_id": "another", "feature_digest": "c" * 64}
    first = STATES["Resolve Live Model"]["Assign"]
    given = {"input": {"upload": upload, "attempt": attempt}}
    variables = {name: value(first[name], states=given) for name in ("batch_name", "again")}
    found = {"result": {"Item": waiting(run_id)}}
    variables["shadow"] = value(STATES["Find Shadow"]["Assign"]["shadow"], states=found, live=live)
    return [
        value(STATES[name]["Arguments"]["Payload"]["job"], upload=upload, live=live, **variables)
        for name in ASKING
    ]


@given(NAMES, UPLOADS, VERSIONS, RUNS, ATTEMPTS)
@example("a" * 32, "0" * 20, 999_999, "a" * 40, "again999")
@example("b_b_", "0" * 20, 1, "heart-0123456789", "")
def test_names_of_jobs_fit_whatever_the_use_case_is_called(
    use_case: str, upload_id: str, version: int, run_id: str, attempt: str
) -> None:
    names = job_names(use_case, upload_id, version, run_id, attempt)
    assert len({shortened("917d40e5", name) for name in names}) == len(names)
    for name in names:
        assert len(name) <= LONGEST
        # The turn adds the stack's prefix, and its own number, of two digits at most.
        assert JOB_NAME.fullmatch(f"{shortened('917d40e5', name)}-99")
        assert name.endswith(attempt and f"-{attempt}")
    assert all(f"-{upload_id}-" in name and f"v{version}" in name for name in names[:2])


CASES = st.tuples(NAMES, UPLOADS, VERSIONS, RUNS, ATTEMPTS)


@given(CASES, st.data())
def test_batches_versions_runs_and_attempts_share_no_name(
    first: tuple[str, str, int, str, str], data: st.DataObject
) -> None:
    _, upload_id, version, run_id, attempt = first
    others: dict[int, st.SearchStrategy[Any]] = {
        1: UPLOADS.filter(lambda one: one[:12] != upload_id[:12]),
        2: VERSIONS.filter(lambda one: one != version),
        3: RUNS.filter(lambda one: one != run_id),
        4: ATTEMPTS.filter(lambda one: one != attempt),
    }
    at = data.draw(st.sampled_from(sorted(others)))
    changed: list[Any] = list(first)
    changed[at] = data.draw(others[at])
    # A shadow's jobs belong to its run, whatever is live; a champion's to its version.
    compared = {2: slice(0, 2), 3: slice(2, 4)}.get(at, slice(0, 4))
    assert not set(job_names(*first)[compared]) & set(job_names(*changed)[compared])


def test_names_that_fitted_before_are_the_same() -> None:
    assert job_names("heart", "0" * 20, 3, "heart-0123456789", "let1f3b") == [
        "heart-00000000000000000000-v3-let1f3b",
        "heart-00000000000000000000-present-v3-let1f3b",
        "heart-0123456789-shadow-000000000000-let1f3b",
        "heart-0123456789-compare-000000000000-let1f3b",
    ]
