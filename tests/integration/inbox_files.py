"""Files for the inbox, and the ingest workflow's functions called in its order."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

STROKE_HEADER = (
    "id,gender,age,hypertension,heart_disease,ever_married,work_type,Residence_type,avg_glucose_level,bmi,"
    "smoking_status,stroke"
)


def heart_rows(count: int, seed: int = 1, label: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - a row has one or not
    """Return made-up rows of the heart file."""
    draw = random.Random(seed)  # noqa: S311 - made-up patients, not secrets
    rows = []
    for _ in range(count):
        cells = [
            draw.randint(35, 75), draw.randint(0, 1), draw.randint(1, 4), draw.randint(100, 180),
            draw.randint(150, 330), draw.randint(0, 1), draw.randint(0, 2), draw.randint(100, 190),
            draw.randint(0, 1), draw.randint(0, 40) / 10, draw.randint(1, 3), draw.randint(0, 3),
            draw.choice([3, 6, 7]),
        ]  # fmt: skip
        rows.append(",".join(map(str, [*cells, draw.randint(0, 4)] if label else cells)))
    return rows


def stroke_rows(count: int, seed: int = 1, label: bool = True, first_id: int = 1000) -> list[str]:  # noqa: FBT001, FBT002
    """Return made-up rows of the stroke file."""
    draw = random.Random(seed)  # noqa: S311 - made-up patients, not secrets
    rows = []
    for number in range(count):
        cells = [
            first_id + number, draw.choice(["Male", "Female"]), draw.randint(20, 82), draw.randint(0, 1),
            draw.randint(0, 1), draw.choice(["Yes", "No"]), draw.choice(["Private", "Self-employed"]),
            draw.choice(["Urban", "Rural"]), f"{draw.randint(60, 250)}.{number % 90 + 10}",
            draw.choice([22.5, 31, 28.4, 24.6, 36.2, 41.7, "N/A"]) if number else "N/A",
            draw.choice(["smokes", "never smoked", "formerly smoked"]),
        ]  # fmt: skip
        rows.append(",".join(map(str, [*cells, draw.randint(0, 1)] if label else cells)))
    return rows


def csv(header: str, rows: list[str]) -> bytes:
    """Return a file."""
    return ("\n".join([header, *rows]) + "\n").encode()


def heart_csv(count: int = 40, seed: int = 1) -> bytes:
    """Return a heart training file."""
    return csv(",".join(use_cases.get("heart").header), heart_rows(count, seed))


def heart_batch(count: int = 20, seed: int = 2) -> bytes:
    """Return a heart inference file."""
    return csv(",".join(use_cases.get("heart").header[:-1]), heart_rows(count, seed, label=False))


def stroke_batch(count: int = 20, seed: int = 2) -> bytes:
    """Return a stroke inference file."""
    return csv(STROKE_HEADER.removesuffix(",stroke"), stroke_rows(count, seed, label=False))


@dataclass
class Ingest:
    """The ingest workflow's functions, in its order, with each step's answer kept."""

    stack: Stack
    claim_event: dict[str, Any]

    @classmethod
    def of(cls, stack: Stack, key: str, data: bytes, execution: str = "run-1", **metadata: str) -> Ingest:
        """Drop a file."""
        version = stack.put("inbox", key, data, **metadata)
        event = {"bucket": "clinrisk-inbox", "key": key, "version_id": version, "size": len(data)}
        return cls(stack, event | {"execution": execution})

    def claim(self, execution: str = "run-1") -> Any:
        """Claim the upload."""
        return self.stack.call("claim_upload", self.claim_event | {"execution": execution})

    def build(self, upload: dict[str, Any]) -> dict[str, Any]:
        """Plan, build, reconcile and write the chunks; gives the event of Commit Upload."""
        plan = self.stack.call("plan_chunks", {"upload": upload})
        shared = {"upload": upload, "header": plan["header"]}
        for chunk in plan["chunks"]:
            self.stack.call("build_features", shared | {"chunk": chunk})
        reconciled = self.stack.call("reconcile_chunks", {"upload": upload})
        for chunk in plan["chunks"] if reconciled["finish"] else ():
            self.stack.call("write_features", shared | {"chunk": chunk, "used": reconciled["used"]})
        return {"upload": upload}

    def run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run the whole; gives the upload and how it was committed."""
        upload = self.claim()["upload"]
        return upload, self.stack.call("commit_upload", self.build(upload))

    def park(self, upload: dict[str, Any] | None = None, execution: str = "run-1") -> Any:
        """Park the upload."""
        event = {name: self.claim_event[name] for name in ("bucket", "key", "version_id")}
        error = {"Error": "Runtime.ExitError", "Cause": "a cell said 63,typical angina"}
        return self.stack.call(
            "park_upload", event | {"error": error, "upload": upload, "execution": execution}
        )
