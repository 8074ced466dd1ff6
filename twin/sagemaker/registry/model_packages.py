"""The model registry: package groups, versions with their approval status, and the events about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import SageMakerError, invalid
from twin.sagemaker.catalogue import now, page
from twin.sagemaker.protocol.wire_format import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.platform import Body, Platform

_GROUPS = "model-package-group"
_PACKAGES = "model-package"
_MAX_METADATA = 50


class ModelPackages:
    """Model packages by ARN; the versions of a group count from 1 and are never reused."""

    def __init__(self, platform: Platform, catalogue: Catalogue) -> None:
        self._platform = platform
        self._catalogue = catalogue
        self._tokens: dict[str, tuple[str, str]] = {}

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the registry's operations, by AWS's names."""
        return {
            "CreateModelPackageGroup": self.create_group,
            "DescribeModelPackageGroup": lambda body: dict(self._group(body["ModelPackageGroupName"])),
            "DeleteModelPackageGroup": self.delete_group,
            "ListModelPackageGroups": self.list_groups,
            "CreateModelPackage": self.create,
            "DescribeModelPackage": lambda body: dict(self.package(body["ModelPackageName"])),
            "UpdateModelPackage": self.update,
            "DeleteModelPackage": self.delete,
            "ListModelPackages": self.list_packages,
        }

    def create_group(self, body: Body) -> Body:
        """Make a group, ready at once."""
        name = body["ModelPackageGroupName"]
        arn = self._platform.arn(f"model-package-group/{name}")
        with self._catalogue.lock:
            groups = self._catalogue.kind(_GROUPS)
            if name in groups:
                raise invalid(f"Model Package Group already exists: {arn}")
            kept = {key: value for key, value in body.items() if key != "Tags"}
            kept |= {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"}
            groups[name] = kept | {"CreationTime": now(), "CreatedBy": {}, "_versions": 0}
            self._catalogue.tag(arn, body.get("Tags", []))
        return {"ModelPackageGroupArn": arn}

    def delete_group(self, body: Body) -> Body:
        """Delete an empty group; one with packages is refused, so that a deploy cannot drop the evidence."""
        with self._catalogue.lock:
            group = self._group(body["ModelPackageGroupName"])
            if self._versions(group["ModelPackageGroupName"]):
                raise SageMakerError(
                    "ConflictException",
                    "Model Package Group cannot be deleted because it still contains Model Packages.",
                )
            self._catalogue.kind(_GROUPS).pop(group["ModelPackageGroupName"])
            self._catalogue.forget_tags(group["ModelPackageGroupArn"])
        return {}

    def list_groups(self, body: Body) -> Body:
        """Return a page of groups."""
        with self._catalogue.lock:
            rows = [dict(group) for group in self._catalogue.kind(_GROUPS).values()]
        return page(body, rows, name="ModelPackageGroupName", output="ModelPackageGroupSummaryList")

    def create(self, body: Body) -> Body:
        """Register the next version; a ClientToken that comes again gets the first answer again."""
        if "ModelPackageGroupName" not in body:
            message = "ModelPackageGroupName is required: the local registry keeps versioned packages only."
            raise invalid(message)
        with self._catalogue.lock:
            token, request = body.get("ClientToken"), json.dumps(body, sort_keys=True, default=str)
            if token in self._tokens:
                before, arn = self._tokens[token]
                if before != request:
                    raise SageMakerError(
                        "ConflictException", "This ClientToken was used for another request."
                    )
                return {"ModelPackageArn": arn}
            group = self._group(body["ModelPackageGroupName"])
            group["_versions"] += 1
            name, version = group["ModelPackageGroupName"], group["_versions"]
            arn = self._platform.arn(f"model-package/{name}/{version}")
            record = {key: value for key, value in body.items() if key not in {"Tags", "ClientToken"}}
            record |= {"ModelPackageGroupName": name, "ModelPackageVersion": version, "ModelPackageArn": arn}
            record |= {"ModelPackageName": name, "ModelPackageStatus": "Completed", "CreationTime": now()}
            record["ModelPackageStatusDetails"] = {"ValidationStatuses": []}
            record.setdefault("ModelApprovalStatus", "PendingManualApproval")
            self._catalogue.kind(_PACKAGES)[arn] = record
            self._catalogue.tag(arn, body.get("Tags", []))
            if token:
                self._tokens[token] = (request, arn)
        self._announce(record, None)
        return {"ModelPackageArn": arn}

    def update(self, body: Body) -> Body:
        """Change the approval status, the life cycle or the metadata of a version."""
        with self._catalogue.lock:
            record = self.package(body["ModelPackageArn"])
            before = record["ModelApprovalStatus"]
            metadata = record.get("CustomerMetadataProperties", {}) | body.get(
                "CustomerMetadataProperties", {}
            )
            for key in body.get("CustomerMetadataPropertiesToRemove", []):
                metadata.pop(key, None)
            if len(metadata) > _MAX_METADATA:
                raise invalid(f"CustomerMetadataProperties may have at most {_MAX_METADATA} entries.")
            own = {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove", "ClientToken"}
            record |= {key: value for key, value in body.items() if key not in own}
            record["LastModifiedTime"] = now()
            if metadata:
                record["CustomerMetadataProperties"] = metadata
            else:
                record.pop("CustomerMetadataProperties", None)
        self._announce(record, before)
        return {"ModelPackageArn": record["ModelPackageArn"]}

    def delete(self, body: Body) -> Body:
        """Delete one version; its number is not given again."""
        with self._catalogue.lock:
            record = self.package(body["ModelPackageName"])
            self._catalogue.kind(_PACKAGES).pop(record["ModelPackageArn"])
            self._catalogue.forget_tags(record["ModelPackageArn"])
        return {}

    def list_packages(self, body: Body) -> Body:
        """Return a page of versions, oldest first unless asked otherwise."""
        group = body.get("ModelPackageGroupName")
        status = body.get("ModelApprovalStatus")
        with self._catalogue.lock:
            if group:
                name = self._group(group)["ModelPackageGroupName"]
                rows = self._versions(name)
            else:
                # AWS lists unversioned packages when no group is named, and the twin keeps none.
                both = body.get("ModelPackageType", "Unversioned") != "Unversioned"
                rows = list(self._catalogue.kind(_PACKAGES).values()) if both else []
            rows = [dict(row) for row in rows if status in {None, row["ModelApprovalStatus"]}]
        return page(body, rows, name="ModelPackageName", output="ModelPackageSummaryList")

    def package(self, name: str) -> Body:
        """Return the live record of a version by its ARN (or the part of it after model-package/)."""
        arn = name if name.startswith("arn:") else self._platform.arn(f"model-package/{name}")
        record = self._catalogue.kind(_PACKAGES).get(arn)
        if record is None:
            raise invalid(f"ModelPackage {arn} does not exist.")
        return record

    def _group(self, name: str) -> Body:
        found = self._catalogue.kind(_GROUPS).get(name.rsplit("/", 1)[-1])
        if found is None:
            raise invalid(f"Model Package Group {name} does not exist.")
        return found

    def _versions(self, group: str) -> list[Body]:
        packages = self._catalogue.kind(_PACKAGES).values()
        return [package for package in packages if package["ModelPackageGroupName"] == group]

    def _announce(self, record: Body, before: str | None) -> None:
        """Publish the state change that AWS sends when a version appears or its status changes."""
        moved = before is None or before != record["ModelApprovalStatus"]
        detail = jsonable({key: value for key, value in record.items() if not key.startswith("_")})
        detail["UpdatedModelPackageFields"] = ["ModelApprovalStatus"] if moved else []
        self._platform.publish("SageMaker Model Package State Change", detail, [record["ModelPackageArn"]])
