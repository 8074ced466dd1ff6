"""The Feature Store's runtime: records written to both stores and read from the online one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.catalogue import now
from twin.sagemaker.feature_store.feature_groups import has_online_store
from twin.sagemaker.feature_store.feature_records import FeatureRecord, deletion, parse_record, refused
from twin.sagemaker.feature_store.offline_files import OfflineFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.platform import Body, Platform

ONLINE, OFFLINE = "OnlineStore", "OfflineStore"


class RecordStore:
    """The data plane over the groups that `find` knows; online is the latest event per identifier."""

    def __init__(self, platform: Platform, find: Callable[[str], Body]) -> None:
        self.offline = OfflineFiles(platform)
        self._find = find
        self._online: dict[str, dict[str, FeatureRecord]] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the runtime's operations, by AWS's names."""
        return {
            "PutRecord": self.put,
            "BatchWriteRecord": self.batch_write,
            "GetRecord": self.get,
            "BatchGetRecord": self.batch_get,
            "DeleteRecord": self.delete,
        }

    def contents(self) -> Body:
        """Return the online records and those that are not in S3 yet."""
        return {"online": self._online, "offline": self.offline.buffered()}

    def restore(self, contents: Body) -> None:
        """Have the records of another twin."""
        self._online.update(contents["online"])
        for group, records in contents["offline"]:
            self.offline.append(group, records)

    def forget(self, name: str) -> None:
        """Drop the records of a deleted group that are not in S3."""
        with self._lock:
            self._online.pop(name, None)
        self.offline.discard(name)

    def put(self, body: Body) -> Body:
        """Write one record."""
        group = self._find(body["FeatureGroupName"])
        stores = _stores(group, body)
        self._write(group, stores, [parse_record(group, body["Record"], now())])
        return {}

    def batch_write(self, body: Body) -> Body:
        """Write up to 25 records; those that are refused come back one by one and do not stop the others."""
        errors: list[Body] = []
        good: dict[tuple[str, frozenset[str]], list[FeatureRecord]] = {}
        moment = now()
        for entry in body["Entries"]:
            try:
                group = self._find(entry["FeatureGroupName"])
                key = (group["FeatureGroupName"], _stores(group, body | entry))
                good.setdefault(key, []).append(parse_record(group, entry["Record"], moment))
            except SageMakerError as error:
                errors.append({"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message})
        for (name, stores), records in good.items():
            self._write(self._find(name), stores, records)
        return {"Errors": errors, "UnprocessedEntries": []}

    def get(self, body: Body) -> Body:
        """Return the latest record of an identifier, or an empty answer."""
        group = self._find(body["FeatureGroupName"])
        record = self._read(group, body["RecordIdentifierValueAsString"])
        return {} if record is None else {"Record": _features(record, body.get("FeatureNames"))}

    def batch_get(self, body: Body) -> Body:
        """Return the latest records of many identifiers; the unknown ones are left out."""
        found: list[Body] = []
        errors: list[Body] = []
        for wanted in body["Identifiers"]:
            name = wanted["FeatureGroupName"]
            for identifier in wanted["RecordIdentifiersValueAsString"]:
                wanted_record = {"FeatureGroupName": name, "RecordIdentifierValueAsString": identifier}
                try:
                    record = self._read(self._find(name), identifier)
                except SageMakerError as error:
                    errors.append(wanted_record | {"ErrorCode": error.code, "ErrorMessage": error.message})
                    continue
                if record is not None:
                    found.append(wanted_record | {"Record": _features(record, wanted.get("FeatureNames"))})
        return {"Records": found, "Errors": errors, "UnprocessedIdentifiers": []}

    def delete(self, body: Body) -> Body:
        """Remove an identifier from the online store and leave the marker in the offline one."""
        group = self._find(body["FeatureGroupName"])
        stores = _stores(group, body)
        marker = deletion(group, body["RecordIdentifierValueAsString"], body["EventTime"], now())
        self._write(group, stores, [marker])
        return {}

    def _write(self, group: Body, stores: frozenset[str], records: list[FeatureRecord]) -> None:
        if ONLINE in stores:
            with self._lock:
                table = self._online.setdefault(group["FeatureGroupName"], {})
                for record in records:
                    before = table.get(record.identifier)
                    if before is None or before.event_time <= record.event_time:
                        table[record.identifier] = record
        if OFFLINE in stores:
            self.offline.append(group, records)

    def _read(self, group: Body, identifier: str) -> FeatureRecord | None:
        if not has_online_store(group):
            raise refused(f"The feature group {group['FeatureGroupName']} has no online store to read from.")
        record = self._online.get(group["FeatureGroupName"], {}).get(identifier)
        return None if record is None or record.deleted else record


def _stores(group: Body, body: Body) -> frozenset[str]:
    """Return the stores that a write goes to: the group's, or those of them that the request names."""
    if "TtlDuration" in body:
        raise refused("The local Feature Store does not implement TtlDuration.")
    has = {ONLINE} if has_online_store(group) else set()
    if "OfflineStoreConfig" in group:
        has.add(OFFLINE)
    wanted = set(body.get("TargetStores", has))
    if not wanted <= has:
        message = f"The feature group {group['FeatureGroupName']} has no {', '.join(sorted(wanted - has))}."
        raise refused(message)
    return frozenset(wanted)


def _features(record: FeatureRecord, names: list[str] | None) -> list[dict[str, Any]]:
    return [
        {"FeatureName": name, "ValueAsString": str(value)}
        for name, value in record.values.items()
        if names is None or name in names
    ]
