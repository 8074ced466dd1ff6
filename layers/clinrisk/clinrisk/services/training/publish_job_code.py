"""Publish Job Code: this very package as one zip that Python runs, the same bytes for the same source."""

from __future__ import annotations

from pathlib import Path

import clinrisk
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import digests, object_keys

# What only a Lambda uses. The jobs' image has neither boto3 nor pydantic nor polars.
LEFT_OUT = ("clinrisk/aws/", "clinrisk/core/release/page/", "clinrisk/messages/", "clinrisk/services/")
MAIN = b"from clinrisk.jobs.__main__ import main\n\nraise SystemExit(main())\n"


def publish() -> tuple[str, str]:
    """Store the code once under its digest and return the prefix it lies under, and the digest."""
    code = build()
    digest = digests.sha256(code)
    stored = s3.store(settings().lake_bucket, object_keys.job_code(digest), code, once=True)
    return stored.uri.rpartition("/")[0] + "/", digest


def build() -> bytes:
    """Return the zip as bytes."""
    root = Path(next(iter(clinrisk.__path__)))
    files = {
        name: data for name, data in digests.package_files(root).items() if not name.startswith(LEFT_OUT)
    }
    return digests.zip_bytes({"__main__.py": MAIN} | files)
