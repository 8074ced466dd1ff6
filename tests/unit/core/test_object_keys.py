"""Every object has a key of its own, and no key changes unnoticed: what is stored stays where it is."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from clinrisk.core import object_keys

if TYPE_CHECKING:
    from tests.unit.conftest import Snapshot

VALUES = {
    "use_case": "heart",
    "request_id": "request-1",
    "purpose": "training",
    "upload": "0123456789abcdef0123",
    "chunk": 7,
    "part": "built",
    "run_id": "run-1",
    "live_version": 3,
    "digest": "d" * 64,
    "batch": "replay",
    "execution": "run-2",
    "began": "2026-03-01T09-30-00",
    "stem": "march",
    "model": "xgboost",
    "bucket": "inbox",
    "key": "inbox/heart/training/march.csv",
    "version_id": "v1",
    "number": 2,
    "form": "html",
    "evaluation_name": "run-1-0a1b2c3d",
    "artefact": "model.tar.gz",
    "evaluation_uri": "s3://lake/evaluation/heart/run-1-0a1b2c3d/evaluation.json",
    "report_uri": "s3://results/reports/heart/run-1/report.html",
}


def test_the_keys_are_those_of_the_stored_objects(snapshot: Snapshot) -> None:
    formats = {
        name: function(
            **{parameter: VALUES[parameter] for parameter in inspect.signature(function).parameters}
        )
        for name, function in vars(object_keys).items()
        if inspect.isfunction(function) and function.__module__ == object_keys.__name__
        # `make mutants` puts the changed copies of a function beside it.
        if "__mutmut_" not in name
    }
    keys = [key for key in formats.values() if isinstance(key, str)]
    assert len(keys) == len(set(keys)) >= 20
    snapshot("object_keys", "".join(f"{name}: {key}\n" for name, key in formats.items()))


def test_an_upload_s_id_changes_with_bucket_key_and_version() -> None:
    ids = {
        object_keys.upload_id(*args)
        for args in (("a", "k", "v"), ("b", "k", "v"), ("a", "l", "v"), ("a", "k", "w"), ("a", "\ud800", "v"))
    }
    assert len(ids) == 5
    assert all(len(each) == 20 for each in ids)
