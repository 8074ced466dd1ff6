"""The data of jobs in and out of S3, as the platform (never the job) moves it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import JobFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.sagemaker.platform import Platform


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI.

    >>> split_uri("s3://lake/training/heart/")
    ('lake', 'training/heart/')
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def relative_key(prefix: str, key: str) -> str:
    """Return where an object found under an S3Prefix lands, relative to the channel's directory.

    A prefix is a string, not a folder: `a/b` also finds `a/b2.csv`, so end prefixes with a slash.

    >>> relative_key("a/b/", "a/b/c/d.csv"), relative_key("a/b", "a/b/d.csv"), relative_key("a/b", "a/b2.csv")
    ('c/d.csv', 'd.csv', 'b2.csv')
    >>> relative_key("a/b.csv", "a/b.csv")
    'b.csv'
    """
    rest = key[len(prefix) :]
    if prefix and rest and (prefix.endswith("/") or rest.startswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


class JobStorage:
    """The twin's S3 as SageMaker sees it: prefixes come down as trees, trees go up as objects."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def _s3(self) -> Any:
        return self._platform.client("s3")

    def keys(self, uri: str) -> Iterator[str]:
        """Return the keys that start with the URI's key, in S3's order, without folder markers."""
        bucket, prefix = split_uri(uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for found in pages:
            yield from (item["Key"] for item in found.get("Contents", []) if not item["Key"].endswith("/"))

    def exists(self, uri: str) -> bool:
        """Return whether one object is there."""
        return split_uri(uri)[1] in self.keys(uri)

    def download(self, uri: str, directory: Path) -> list[str]:
        """Bring everything under a prefix into `directory` and get the relative names in S3's order."""
        bucket, prefix = split_uri(uri)
        names = []
        try:
            for key in self.keys(uri):
                name = relative_key(prefix, key)
                if ".." in PurePosixPath(name).parts or name.startswith("/"):
                    raise JobFailure(
                        f"ClientError: Data download failed: an object under {uri} would leave its directory"
                    )
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                self._s3.download_file(bucket, key, str(target))
                names.append(name)
        except self._s3.exceptions.ClientError as error:
            msg = f"ClientError: Data download failed: {error.response['Error']['Code']} for {uri}"
            raise JobFailure(msg) from error
        if not names:
            raise JobFailure(
                f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given in input'
                f" data source. Please ensure that the bucket exists in the selected region"
                f" ({self._platform.region}) and that objects exist under that S3 prefix."
            )
        return names

    def upload(self, path: Path, uri: str, kms_key: str | None = None) -> None:
        """Put one file at exactly this URI, under the job's key when it named one."""
        bucket, key = split_uri(uri)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        try:
            self._s3.upload_file(str(path), bucket, key, ExtraArgs=extra)
        except Exception as error:
            raise JobFailure(f"ClientError: Failed to upload to {uri}: {type(error).__name__}") from error

    def upload_tree(self, directory: Path, uri: str, kms_key: str | None = None) -> None:
        """Put every file under `directory` below the URI, in a fixed order."""
        for path in sorted(found for found in directory.rglob("*") if found.is_file()):
            self.upload(path, f"{uri.rstrip('/')}/{path.relative_to(directory).as_posix()}", kms_key)
