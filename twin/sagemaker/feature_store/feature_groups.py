"""Feature groups: their definitions, checked as AWS checks them, and where their offline files lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import SageMakerError, invalid, unsupported
from twin.sagemaker.catalogue import now, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.platform import Body, Platform

KIND = "feature-group"
RESERVED = frozenset({"is_deleted", "write_time", "api_invocation_time"})
_CREATED = "Created"


class FeatureGroups:
    """Feature groups, ready at once; `when_deleted` gets a group's name, so that its records go too."""

    def __init__(self, platform: Platform, catalogue: Catalogue) -> None:
        self._platform = platform
        self._catalogue = catalogue
        self.when_deleted: Callable[[str], None] = lambda _: None

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the operations on feature groups, by AWS's names."""
        return {
            "CreateFeatureGroup": self.create,
            "DescribeFeatureGroup": lambda body: (
                dict(self.group(body["FeatureGroupName"])) | {"NextToken": ""}
            ),
            "UpdateFeatureGroup": self.update,
            "DeleteFeatureGroup": self.delete,
            "ListFeatureGroups": self.list,
        }

    def create(self, body: Body) -> Body:
        """Make a feature group."""
        name = body["FeatureGroupName"]
        _check(body)
        arn = self._platform.arn(f"feature-group/{name.lower()}")
        with self._catalogue.lock:
            table = self._catalogue.kind(KIND)
            if name in table:
                message = f"Resource Already Exists: FeatureGroup with name {name} already exists."
                raise SageMakerError("ResourceInUse", message)
            moment = now()
            record = {key: value for key, value in body.items() if key != "Tags"}
            record |= {"FeatureGroupArn": arn, "FeatureGroupStatus": _CREATED}
            record |= {"CreationTime": moment, "LastModifiedTime": moment}
            if "OfflineStoreConfig" in body:
                epoch = int(moment.timestamp())
                record["OfflineStoreConfig"] = self._offline(body["OfflineStoreConfig"], f"{name}-{epoch}")
                record["OfflineStoreStatus"] = {"Status": "Active"}
            table[name] = record
            self._catalogue.tag(arn, body.get("Tags", []))
        return {"FeatureGroupArn": arn}

    def update(self, body: Body) -> Body:
        """Add features; everything else about a group is settled when it is created."""
        other = set(body) - {"FeatureGroupName", "FeatureAdditions"}
        if other:
            raise unsupported(f"UpdateFeatureGroup of {', '.join(sorted(other))}")
        with self._catalogue.lock:
            record = self.group(body["FeatureGroupName"])
            grown = [*record["FeatureDefinitions"], *body.get("FeatureAdditions", [])]
            _check(record | {"FeatureDefinitions": grown})
            record["FeatureDefinitions"] = grown
            record["LastModifiedTime"] = now()
            record["LastUpdateStatus"] = {"Status": "Successful"}
        return {"FeatureGroupArn": record["FeatureGroupArn"]}

    def delete(self, body: Body) -> Body:
        """Delete a group and its online records; the offline files stay in S3, as on AWS."""
        with self._catalogue.lock:
            record = self.group(body["FeatureGroupName"])
            self._catalogue.kind(KIND).pop(record["FeatureGroupName"])
            self._catalogue.forget_tags(record["FeatureGroupArn"])
        self.when_deleted(record["FeatureGroupName"])
        return {}

    def list(self, body: Body) -> Body:
        """Return a page of feature groups."""
        with self._catalogue.lock:
            rows = [dict(record) for record in self._catalogue.kind(KIND).values()]
        query = dict(body)
        wanted = query.pop("FeatureGroupStatusEquals", _CREATED)
        rows = [row for row in rows if row["FeatureGroupStatus"] == wanted]
        return page(query, rows, name="FeatureGroupName", output="FeatureGroupSummaries", limit=10)

    def group(self, name: str) -> Body:
        """Return the live record of a group by its name or ARN."""
        record = self._catalogue.kind(KIND).get(name.rsplit("/", 1)[-1])
        if record is None:
            message = f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"
            raise SageMakerError("ResourceNotFound", message, 404)
        return record

    def _offline(self, config: Body, unique: str) -> Body:
        """Return the offline store's configuration with the place AWS would resolve it to."""
        storage = config["S3StorageConfig"]
        base = storage["S3Uri"].rstrip("/")
        account, region = self._platform.account, self._platform.region
        resolved = f"{base}/{account}/sagemaker/{region}/offline-store/{unique}/data"
        return config | {"S3StorageConfig": storage | {"ResolvedOutputS3Uri": resolved}}


def has_online_store(group: Body) -> bool:
    """Return whether a group keeps the latest record of each identifier for reading by GetRecord."""
    return bool(group.get("OnlineStoreConfig", {}).get("EnableOnlineStore", False))


def _check(body: Body) -> None:
    names = [definition["FeatureName"] for definition in body["FeatureDefinitions"]]
    types = {each["FeatureName"]: each["FeatureType"] for each in body["FeatureDefinitions"]}
    reserved = sorted(RESERVED & {name.lower() for name in names})
    if reserved:
        raise invalid(f"Feature names {', '.join(reserved)} are reserved by the offline store.")
    if len(set(names)) < len(names):
        raise invalid("Feature names in FeatureDefinitions must be unique.")
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if body[member] not in types:
            raise invalid(f"{member} {body[member]} is not in FeatureDefinitions.")
    if types[body["EventTimeFeatureName"]] == "Integral":
        raise invalid("The event time feature must be of type String or Fractional.")
    if any("CollectionType" in definition for definition in body["FeatureDefinitions"]):
        raise unsupported("collection types of features")
    if not has_online_store(body) and "OfflineStoreConfig" not in body:
        raise invalid("A feature group needs an OnlineStoreConfig, an OfflineStoreConfig or both.")
    if "OfflineStoreConfig" in body and "RoleArn" not in body:
        raise invalid("RoleArn is required with an OfflineStoreConfig.")
    if body.get("OfflineStoreConfig", {}).get("TableFormat") == "Iceberg":
        raise unsupported("an offline store of TableFormat Iceberg")
