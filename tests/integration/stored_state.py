"""All that uploads leave on moto's AWS, copied and put back without a request: cheap after every call."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend
from moto.s3.utils import _VersionedKeyStore

if TYPE_CHECKING:
    from tests.integration.fake_feature_store import FakeFeatureStore

BUCKETS = ("clinrisk-lake", "clinrisk-results")
TABLE = "clinrisk-uploads"
ACCOUNT, REGION = "123456789012", "eu-central-1"
# Who holds a claim, and since when: of no matter once the upload is settled.
OF_THE_CLAIM = {"execution", "claimed_at"}


def _buckets() -> Any:
    return get_backend("s3")[ACCOUNT]["aws"].buckets


def _table() -> Any:
    # A transaction that fails replaces moto's tables by their copies: none is kept here.
    return get_backend("dynamodb")[ACCOUNT][REGION].tables[TABLE]


@dataclass(frozen=True)
class StoredState:
    """The objects of Lake and Results, the items of the Uploads table, and the Feature Store's records."""

    objects: dict[str, dict[str, list[Any]]]
    items: Any
    records: list[dict[str, str]]

    @classmethod
    def of(cls, store: FakeFeatureStore) -> StoredState:
        """Copy what there is now."""
        objects = {name: {key: list(held) for key, held in _buckets()[name].keys.lists()} for name in BUCKETS}
        return cls(objects, copy.deepcopy(_table().items), list(store.records))

    def restore(self, store: FakeFeatureStore) -> None:
        """Make AWS hold this and nothing else; the inbox stays as it is."""
        for name, held in self.objects.items():
            _buckets()[name].keys = _VersionedKeyStore()
            for key, versions in held.items():
                _buckets()[name].keys.setlist(key, list(versions))
        _table().items = copy.deepcopy(self.items)
        store.records[:] = self.records

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Every newest object by its bytes, every item but for who claimed it, every record once.

        The Feature Store's own files have names by chance; its records are compared instead.
        """
        objects = {
            f"{bucket}/{key}": versions[-1].value
            for bucket, held in self.objects.items()
            for key, versions in held.items()
            if not key.startswith("offline-store/")
        }
        items = [
            item.to_json()["Attributes"] for partition in self.items.values() for item in partition.values()
        ]
        named = {
            f"table/{item['pk']['S']}/{item['sk']['S']}": {
                name: value for name, value in item.items() if name not in OF_THE_CLAIM
            }
            for item in items
        }
        records = sorted({json.dumps(record, sort_keys=True) for record in self.records})
        return objects | named | {"records": records}


def distinct(states: list[StoredState]) -> list[StoredState]:
    """Return the states that differ: a call that only read left what the one before it had left."""
    found: list[StoredState] = []
    for state in states:
        if state.facts not in [each.facts for each in found]:
            found.append(state)
    return found
