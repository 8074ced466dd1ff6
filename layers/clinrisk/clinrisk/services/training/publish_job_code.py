"""Publish Job Code: this very package as one zip that Python runs, the same bytes for the same source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import clinrisk
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.core import digests, object_keys
from clinrisk.core.timestamps import stamp
from clinrisk.core.training.deployment_entry import DeploymentEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# What only a Lambda uses. The jobs' image has neither boto3 nor pydantic nor polars.
LEFT_OUT = ("clinrisk/aws/", "clinrisk/core/release/page/", "clinrisk/messages/", "clinrisk/services/")
MAIN = b"from clinrisk.jobs.__main__ import main\n\nraise SystemExit(main())\n"


def publish() -> tuple[str, str]:
    """Store the code once under its digest and return the prefix it lies under, and the digest."""
    code = build()
    digest = digests.sha256(code)
    stored = s3.store(settings().lake_bucket, object_keys.job_code(digest), code, once=True)
    return stored.uri.rpartition("/")[0] + "/", digest


def record(event: Mapping[str, Any], code_sha256: str, now: datetime) -> None:
    """Write into the ledger which code a request of CloudFormation deployed."""
    ledger.append(
        DeploymentEntry(
            stack=event["StackId"],
            request=event["RequestId"],
            change=event["RequestType"],
            layer=event["ResourceProperties"]["Layer"],
            code_sha256=code_sha256,
            deployed_at=stamp(now),
        )
    )


def build() -> bytes:
    """Return the zip as bytes."""
    root = Path(next(iter(clinrisk.__path__)))
    files = {
        name: data for name, data in digests.package_files(root).items() if not name.startswith(LEFT_OUT)
    }
    return digests.zip_bytes({"__main__.py": MAIN} | files)
