"""Models by name: what a batch transform serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import invalid, unsupported
from twin.sagemaker.catalogue import now, page
from twin.sagemaker.jobs.job_storage import JobStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.platform import Body, Platform

_KIND = "model"


class ServedModels:
    """Models with one container, given by its ModelDataUrl or by an approved model package."""

    def __init__(self, platform: Platform, catalogue: Catalogue, package: Callable[[str], Body]) -> None:
        self._platform = platform
        self._catalogue = catalogue
        self._package = package
        self._storage = JobStorage(platform)

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the operations on models, by AWS's names."""
        return {
            "CreateModel": self.create,
            "DescribeModel": self.describe,
            "DeleteModel": self.delete,
            "ListModels": self.list,
        }

    def create(self, body: Body) -> Body:
        """Register a model; its data must be in S3 already, as AWS demands."""
        name = body["ModelName"]
        arn = self._platform.arn(f"model/{name}")
        if "ExecutionRoleArn" not in body:
            raise invalid("ExecutionRoleArn is required for a model.")
        data = self._data(body)
        if not self._storage.exists(data):
            raise invalid(f"Could not find model data at {data}.")
        with self._catalogue.lock:
            table = self._catalogue.kind(_KIND)
            if name in table:
                raise invalid(f'Cannot create already existing model "{arn}".')
            kept = {key: value for key, value in body.items() if key != "Tags"}
            kept |= {"ModelArn": arn, "CreationTime": now(), "_data": data}
            kept.setdefault("EnableNetworkIsolation", False)
            table[name] = kept
            self._catalogue.tag(arn, body.get("Tags", []))
        return {"ModelArn": arn}

    def describe(self, body: Body) -> Body:
        """Return a model's record."""
        with self._catalogue.lock:
            return dict(self._record(body["ModelName"]))

    def delete(self, body: Body) -> Body:
        """Forget a model; its data stays in S3."""
        with self._catalogue.lock:
            record = self._record(body["ModelName"])
            self._catalogue.kind(_KIND).pop(body["ModelName"])
            self._catalogue.forget_tags(record["ModelArn"])
        return {}

    def list(self, body: Body) -> Body:
        """Return a page of models, newest first unless asked otherwise, as AWS sorts them."""
        with self._catalogue.lock:
            rows = [dict(record) for record in self._catalogue.kind(_KIND).values()]
        return page({"SortOrder": "Descending"} | body, rows, name="ModelName", output="Models")

    def data(self, name: str) -> str:
        """Return the S3 URI of a model's model.tar.gz."""
        with self._catalogue.lock:
            uri: str = self._record(name)["_data"]
            return uri

    def _data(self, body: Body) -> str:
        containers = body.get("Containers", [])
        container = body.get("PrimaryContainer") or (containers[0] if len(containers) == 1 else None)
        if container is None:
            raise unsupported("models without exactly one container")
        if "ModelPackageName" in container:
            package = self._package(container["ModelPackageName"])
            if package.get("ModelApprovalStatus", "Approved") != "Approved":
                raise invalid("A model cannot be made of a model package that is not approved.")
            container = package.get("InferenceSpecification", {}).get("Containers", [{}])[0]
        uri = container.get("ModelDataUrl")
        if uri is None or container.get("Mode", "SingleModel") != "SingleModel":
            raise unsupported("models without a ModelDataUrl, or with more than one model")
        found: str = uri
        return found

    def _record(self, name: str) -> Body:
        record = self._catalogue.kind(_KIND).get(name)
        if record is None:
            raise invalid(f'Could not find model "{self._platform.arn(f"model/{name}")}".')
        return record
