"""HMAC keys of a stack that are the same in every run of the twin."""

import hashlib
from typing import Any

from ministack.services import kms

from twin.repairs.repair_registry import Original, repair


@repair(
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS[AWS::KMS::Key][create]",
    reason="The material of a key is drawn anew in every run: the same files give another model each time.",
    link="https://docs.aws.amazon.com/kms/latest/developerguide/hmac.html",
    source_sha256="c6df6af885a3261438976a334a2b4b3f9d9f640bf826642ec560cde10c831aac",
)
def create_repeatably(original: Original, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """Create a key; an HMAC key's material follows from the stack's name and the key's logical id.

    Pseudonyms, and with them the split, the manifest and the model, follow from this key. On AWS it is drawn
    once and lives as long as the data.
    """
    physical_id, attributes = original(logical_id, properties, stack)
    key = kms._resolve_key(physical_id)
    if "_hmac_key" in key:
        seed = hashlib.sha512(f"twin/{stack}/{logical_id}".encode()).digest()
        key["_hmac_key"] = seed[: len(key["_hmac_key"])]
    return physical_id, attributes
