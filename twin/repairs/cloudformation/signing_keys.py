"""Signing keys that are the same in every run."""

import hashlib
from typing import Any

from ministack.services import kms
from ministack.services.cloudformation import provisioners

from twin.repairs.registry import Site


def apply(site: Site) -> None:
    """Derive the material of a stack's HMAC key from the stack's name and the key's logical id.

    Pseudonyms, and with them the split, the manifest and the model, follow from this key: with a random one,
    the same files would give another model in every run of the twin. On AWS the key is drawn once and lives
    as long as the data.
    """
    del site
    handlers = provisioners._RESOURCE_HANDLERS["AWS::KMS::Key"]
    create = handlers["create"]

    def create_repeatably(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        physical_id, attributes = create(logical_id, properties, stack)
        key = kms._resolve_key(physical_id)
        if "_hmac_key" in key:
            seed = hashlib.sha512(f"twin/{stack}/{logical_id}".encode()).digest()
            key["_hmac_key"] = seed[: len(key["_hmac_key"])]
        return physical_id, attributes

    handlers["create"] = create_repeatably
