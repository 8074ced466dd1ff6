"""The two SageMaker types of CloudFormation as functions: create, update and delete.

Ref and GetAtt are as documented: Ref of AWS::SageMaker::FeatureGroup is the name, Ref of
AWS::SageMaker::ModelPackageGroup the ARN. Only what AWS changes in place is updated; a create-only property
of a named resource is refused, as CloudFormation refuses it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.protocol import service_model
from twin.sagemaker.protocol.wire_format import from_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.local_service import LocalSageMaker
    from twin.sagemaker.platform import Body

Created = tuple[str, dict[str, Any]]
_GONE = frozenset({"ResourceNotFound", "ValidationException"})
_REPLACING = (
    "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
    "Rename {name} and update the stack again."
)


def resource_types(sagemaker: LocalSageMaker, physical_name: Callable[..., str]) -> dict[str, dict[str, Any]]:
    """Return the handlers by type; `physical_name(stack, logical id, max_len=)` names what has no name."""
    return {
        "AWS::SageMaker::FeatureGroup": _FeatureGroup(sagemaker, physical_name).handlers(),
        "AWS::SageMaker::ModelPackageGroup": _ModelPackageGroup(sagemaker, physical_name).handlers(),
    }


class _Type(ABC):
    """What both types share: properties are the Create operation's input, plus a name when there is none."""

    create_operation: str
    name_member: str
    max_name: int

    def __init__(self, sagemaker: LocalSageMaker, physical_name: Callable[..., str]) -> None:
        self.sagemaker = sagemaker
        self.physical_name = physical_name

    def handlers(self) -> dict[str, Any]:
        return {
            "create": self.create,
            "update": self.update,
            "update_with_logical_id": True,
            "delete": self.delete,
        }

    def create(self, logical_id: str, properties: Body, stack: str) -> Created:
        body = self.typed(properties)
        if self.name_member not in body:
            body[self.name_member] = self.physical_name(stack, logical_id, max_len=self.max_name)
        self.sagemaker.handle(self.create_operation, body)
        return self.identity(body[self.name_member])

    def typed(self, properties: Body) -> Body:
        """Return the properties in the operation's own types; templates may write them as text."""
        operation = service_model.operation(service_model.CONTROL_PLANE, self.create_operation)
        assert operation is not None  # noqa: S101 - one of AWS's operations, named above
        assert operation.input_shape is not None  # noqa: S101 - and it takes an input
        body: Body = from_wire(operation.input_shape, dict(properties))
        return body

    def update(self, physical_id: str, old: Body, new: Body, stack: str, logical_id: str) -> Created:
        """Change what may change; another name is a new resource, made before the old one goes."""
        if old.get(self.name_member) != new.get(self.name_member):
            made = self.create(logical_id, new, stack)
            self.delete(physical_id, old)
            return made
        name = self.name_of(physical_id)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {"Tags"}
        if not self.change(name, changed, self.typed(old), self.typed(new)):
            raise ValueError(_REPLACING.format(name=name))
        arn = self.arn_of(name)
        gone = {tag["Key"] for tag in old.get("Tags", [])} - {tag["Key"] for tag in new.get("Tags", [])}
        self.sagemaker.catalogue.untag(arn, gone)
        self.sagemaker.catalogue.tag(arn, new.get("Tags", []))
        return self.identity(name)

    def name_of(self, physical_id: str) -> str:
        return physical_id.rsplit("/", 1)[-1]

    @abstractmethod
    def identity(self, name: str) -> Created:
        """Return what Ref gives and what GetAtt knows."""

    @abstractmethod
    def arn_of(self, name: str) -> str:
        """Return the resource's ARN."""

    @abstractmethod
    def change(self, name: str, changed: set[str], old: Body, new: Body) -> bool:
        """Apply the changed properties, or get False when AWS would replace the resource."""

    @abstractmethod
    def delete(self, physical_id: str, properties: Body) -> None:
        """Remove the resource."""


class _FeatureGroup(_Type):
    create_operation = "CreateFeatureGroup"
    name_member = "FeatureGroupName"
    max_name = 64

    def identity(self, name: str) -> Created:
        group = self.sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": name})
        status = group["FeatureGroupStatus"]
        return name, {"CreationTime": _iso(group), "FeatureGroupStatus": status}

    def arn_of(self, name: str) -> str:
        arn: str = self.sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": name})[
            "FeatureGroupArn"
        ]
        return arn

    def change(self, name: str, changed: set[str], old: Body, new: Body) -> bool:
        if changed - {"FeatureDefinitions"}:
            return False
        before, after = old["FeatureDefinitions"], new["FeatureDefinitions"]
        additions = [definition for definition in after if definition not in before]
        if [definition for definition in before if definition not in after]:
            return False
        if additions:
            self.sagemaker.handle(
                "UpdateFeatureGroup", {"FeatureGroupName": name, "FeatureAdditions": additions}
            )
        return True

    def delete(self, physical_id: str, properties: Body) -> None:
        del properties
        try:
            self.sagemaker.handle("DeleteFeatureGroup", {"FeatureGroupName": physical_id})
        except SageMakerError as error:
            if error.code not in _GONE:
                raise


class _ModelPackageGroup(_Type):
    create_operation = "CreateModelPackageGroup"
    name_member = "ModelPackageGroupName"
    max_name = 63

    def identity(self, name: str) -> Created:
        group = self.sagemaker.handle("DescribeModelPackageGroup", {"ModelPackageGroupName": name})
        arn = group["ModelPackageGroupArn"]
        created = _iso(group)
        return arn, {
            "ModelPackageGroupArn": arn,
            "ModelPackageGroupStatus": group["ModelPackageGroupStatus"],
            "CreationTime": created,
        }

    def arn_of(self, name: str) -> str:
        return self.identity(name)[0]

    def change(self, name: str, changed: set[str], old: Body, new: Body) -> bool:
        del name, old, new
        # AWS changes ModelPackageGroupPolicy in place, and the twin evaluates no such policy.
        return not changed

    def delete(self, physical_id: str, properties: Body) -> None:
        del properties
        try:
            self.sagemaker.handle(
                "DeleteModelPackageGroup", {"ModelPackageGroupName": self.name_of(physical_id)}
            )
        except SageMakerError as error:
            if error.code not in _GONE:
                raise


def _iso(group: Body) -> str:
    return datetime.fromtimestamp(group["CreationTime"], UTC).isoformat(timespec="milliseconds")
