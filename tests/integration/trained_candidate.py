"""A candidate as training leaves it: artefacts, an evaluation, a package, and a workflow that waits."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.core import digests, object_keys
from clinrisk.core.release.card.answers import CardAnswer, Source
from clinrisk.core.release.card.card_document import SECTIONS, answered
from clinrisk.core.release.card.source_attributes import ATTRIBUTES
from clinrisk.services.training import publish_job_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.conftest import Stack

RUN = "heart-0123456789"
MADE = ("evaluation", "report", "model", "manifest", "reference")
IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:3.2-0"


def evaluation(auc: float = 0.9, run_id: str = RUN, champion: int = 0) -> dict[str, Any]:
    """Return an evaluation document that meets heart's bar, unless its AUC is set too low.

    It compares with live version `champion`, or with none.
    """
    figures = {
        "auc": [auc, auc - 0.03, auc + 0.03],
        "brier": [0.12, 0.1, 0.14],
        "calibration_slope": [1.02, 0.85, 1.2],
        "observed_to_expected": [1.0, 0.9, 1.1],
    }
    baseline = figures | {"auc": [0.905, 0.87, 0.935]}
    floor = figures | {"auc": [0.62, 0.56, 0.68]}
    gaps = {
        "selection_rate": [0.31, 0.2, 0.42],
        "recall": [0.08, 0.0, 0.2],
        "false_positive_rate": "NOT_EVALUATED",
    }
    served = {
        "selection_rate": [0.5, 0.4, 0.6],
        "recall": [0.86, 0.75, 0.93],
        "false_positive_rate": "NOT_EVALUATED",
        "auc": [0.88, 0.84, 0.92],
        "calibration_slope": [1.0, 0.8, 1.2],
        "observed_to_expected": [1.0, 0.85, 1.15],
        "positives": 40,
    }
    expected = {"expected_cases": [1.0, 0.98, 1.02]}
    compared = {
        "live_version": champion,
        "run_id": "heart-0000000000",
        "threshold": 0.4,
        "same_features": True,
        "compared": {"training": 243, "holdout": 60},
        "why_not": "",
    }
    return {
        "use_case": "heart",
        "run_id": run_id,
        "champion": compared if champion else None,
        "threshold": 0.3812,
        "recall_target": 0.8,
        "feature_digest": use_cases.get("heart").feature_digest,
        "floor_feature": "age",
        "counts": {"training": {"rows": 243, "positives": 112}, "holdout": {"rows": 60, "positives": 27}},
        "models": {"xgboost": figures, "logistic": baseline, "floor": floor},
        "holdout": {"xgboost": figures, "logistic": baseline, "floor": floor},
        "comparison": {
            "xgboost_vs_logistic": {"auc": [-0.005, -0.02, 0.01], **expected},
            "xgboost_vs_floor": {"auc": [0.28, 0.2, 0.36]},
            "xgboost_vs_champion": {
                "auc": [0.001, -0.01, 0.012],
                "brier": [0.0, -0.005, 0.005],
                **expected,
            },
        },
        "holdout_comparison": {},
        # Of the women too little is known to show a slope: an approver has to accept them by name.
        "groups": {
            "sex": {
                "female": served | {"n": 76, "calibration_slope": "NOT_EVALUATED"},
                "male": served | {"n": 167},
            },
            "age_band": {},
        },
        "gaps": {"sex": gaps, "age_band": gaps},
        "digests": {},
    }


def first_card(run_id: str) -> dict[str, Any]:
    """Return the model card of a candidate as its evaluation writes it, with answers of one word."""
    names = [name for _, _, names in ATTRIBUTES for name in names]
    names += [name for _, names in SECTIONS for name in names]
    facts = {
        "edition": 1,
        "use_case": "heart",
        "title": "Heart disease risk",
        "description": "The risk of heart disease.",
        "run_id": run_id,
        "blocked": False,
        "references": [],
        "since": {},
    }
    return answered(facts, {name: CardAnswer(name, Source.RUN) for name in names})


class TrainedCandidate:
    """The artefacts of one run in the stack's buckets, and the events that its workflow would send."""

    def __init__(
        self,
        stack: Stack,
        auc: float = 0.9,
        run_id: str = RUN,
        champion: int = 0,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """`sources` are the files it learned from: upload id -> key."""
        self.stack, self.run_id = stack, run_id
        files = [{"upload_id": name, "key": key} for name, key in (sources or {}).items()]
        manifest = json.dumps({"sources": files}).encode()
        code = publish_job_code.build()
        self.code_digest = digests.sha256(code)
        name = f"{run_id}-{champion:08x}" if champion else run_id
        artefacts = {
            "model": (
                "lake",
                f"models/heart/{run_id}/xgboost/job/output/model.tar.gz",
                f"model {run_id}".encode(),
            ),
            "manifest": ("lake", object_keys.manifest("heart", run_id), manifest),
            "evaluation": (
                "lake",
                f"evaluation/heart/{name}/evaluation.json",
                json.dumps(evaluation(auc, run_id, champion)).encode(),
            ),
            "out_of_fold": (
                "lake",
                f"models/heart/{run_id}/xgboost/job/output/output.tar.gz",
                f"risks of {run_id}".encode(),
            ),
            "reference": ("lake", f"training/heart/{run_id}/set/reference.json", b"{}"),
            "report": ("results", object_keys.report("heart", name), b"<html></html>"),
            "code": ("lake", object_keys.job_code(self.code_digest), code),
        } | {
            form: ("results", key, f"{form} of {run_id}".encode())
            for form, key in object_keys.model_card("heart", name).items()
        }
        card = json.dumps(first_card(run_id)).encode()
        artefacts["model_card_hti1"] = (*artefacts["model_card_hti1"][:2], card)
        self.uris = {}
        for name, (bucket, key, data) in artefacts.items():
            stack.put(bucket, key, data)
            self.uris[name] = f"s3://clinrisk-{bucket}/{key}"

    def change(self, name: str, data: bytes) -> None:
        """Put other bytes where an artefact lies, or its copy once it is judged."""
        bucket, _, key = self.uris[name].removeprefix("s3://clinrisk-").partition("/")
        name = object_keys.evaluation_name(self.uris["evaluation"])
        kept = object_keys.candidate("heart", name, key.rpartition("/")[2])
        if kept in self.stack.keys("lake"):
            key = kept
        self.stack.put(bucket, key, data)

    def facts(self) -> dict[str, Any]:
        """Return what an events/*.json of this candidate has to be told."""
        return {"run_id": self.run_id, "code_digest": self.code_digest, "image": IMAGE}

    def judge_event(self) -> dict[str, Any]:
        """Return the event of Judge Candidate."""
        return {
            "use_case": "heart",
            "run_id": self.run_id,
            "image": IMAGE,
            "code_digest": self.code_digest,
            **{f"{name}_uri": self.uris[name] for name in MADE},
        }

    def register(self, judgement: dict[str, Any]) -> tuple[str, int]:
        """Register the judged candidate; gives the package's arn and version."""
        self.stack.sagemaker.create_model_package_group(ModelPackageGroupName=f"clinrisk-{self.run_id}")
        answer = self.stack.sagemaker.create_model_package(
            ModelPackageGroupName=f"clinrisk-{self.run_id}",
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties=judgement["digests"],
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": judgement["model_uri"]}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        arn = answer["ModelPackageArn"]
        return arn, int(arn.rpartition("/")[2])

    def approval_event(
        self, judgement: dict[str, Any], package: tuple[str, int], token: str
    ) -> dict[str, Any]:
        """Return the event of Request Approval."""
        return {
            "use_case": "heart",
            "run_id": self.run_id,
            "task_token": token,
            "package_arn": package[0],
            "package_version": package[1],
            "digests": judgement["digests"],
            "summary": judgement["summary"],
            "evaluation_uri": judgement["evaluation_uri"],
            "report_uri": self.uris["report"],
            "unmet": judgement["unmet"],
        }

    def promote_event(
        self, judgement: dict[str, Any], package: tuple[str, int], approval_id: str
    ) -> dict[str, Any]:
        """Return the event of Promote Candidate."""
        return {
            "use_case": "heart",
            "run_id": self.run_id,
            "package_arn": package[0],
            "package_version": package[1],
            "model_name": f"{self.run_id}-model-0",
            "digests": judgement["digests"],
            "threshold": judgement["threshold"],
            "approval_id": approval_id,
            **{f"{name}_uri": judgement[f"{name}_uri"] for name in ("model", "reference", "evaluation")},
        }


class WaitingExecution:
    """A workflow that waits for a task token, as the training workflow does."""

    def __init__(self, stack: Stack, name: str = "waiting") -> None:
        self.stack = stack
        queue = stack.sqs.create_queue(QueueName=name)["QueueUrl"]
        definition = {
            "StartAt": "Await",
            "States": {
                "Await": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                    "TimeoutSeconds": 120,
                    "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
                    "End": True,
                }
            },
        }
        machine = stack.sfn.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/states"
        )
        self.arn = stack.sfn.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        self.token = ""
        while not self.token:
            found = stack.sqs.receive_message(QueueUrl=queue).get("Messages", [])
            self.token = json.loads(found[0]["Body"])["token"] if found else self._pause()

    def end(self) -> dict[str, Any]:
        """Return how the execution ended, once it has; whoever waits in vain is ended by pytest."""
        while self.status() == "RUNNING":
            self._pause()
        return dict(self.stack.sfn.describe_execution(executionArn=self.arn))

    def status(self) -> str:
        """Return the execution's status."""
        return self.stack.sfn.describe_execution(executionArn=self.arn)["status"]

    @staticmethod
    def _pause() -> str:
        time.sleep(0.05)
        return ""
