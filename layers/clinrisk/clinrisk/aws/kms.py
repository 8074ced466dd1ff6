"""KMS: authentication codes and signatures made by the stack's keys, which never leave it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cache
from typing import Any

from clinrisk.aws import clients
from clinrisk.aws.settings import settings


def mac(message: str) -> bytes:
    """Return the 32-byte HMAC-SHA-256 of a message; its first words keep one use of the key from another."""
    answer = clients.kms().generate_mac(
        KeyId=settings().signing_key, MacAlgorithm="HMAC_SHA_256", Message=message.encode()
    )
    return answer["Mac"]


@cache
def pseudonym_key(use_case: str) -> bytes:
    """Return the use case's 32-byte key: the same patient has the same record id in every upload of it.

    One call per process; record ids are made locally from then on.
    """
    return mac(f"pseudonyms|{use_case}")


def encrypt(secret: str, **context: str) -> str:
    """Return a short secret as the key of approvers encrypts it, in base64; `context` is needed again."""
    answer = clients.kms().encrypt(
        KeyId=settings().approver_key, Plaintext=secret.encode(), EncryptionContext=context
    )
    return base64.b64encode(answer["CiphertextBlob"]).decode()


def decrypt(secret: str, **context: str) -> str:
    """Return what `encrypt` made such a text of; AWS refuses under another context."""
    answer = clients.kms().decrypt(
        KeyId=settings().approver_key, CiphertextBlob=base64.b64decode(secret), EncryptionContext=context
    )
    return answer["Plaintext"].decode()


def sign(content: bytes) -> str:
    """Return the signature of some bytes by the decision key: ECDSA over their SHA-256, DER in base64."""
    answer = clients.kms().sign(**_signed(content))
    return base64.b64encode(answer["Signature"]).decode()


def verify(content: bytes, signature: str) -> bool:
    """Return whether the decision key signed these very bytes."""
    try:
        raw = base64.b64decode(signature, validate=True)
        if not raw:
            return False
        answer = clients.kms().verify(**_signed(content), Signature=raw)
    except (binascii.Error, clients.kms().exceptions.KMSInvalidSignatureException):
        return False
    return answer["SignatureValid"]


def public_key() -> bytes:
    """Return the public half of the decision key (DER), with which anybody can check its signatures."""
    return clients.kms().get_public_key(KeyId=settings().decision_key)["PublicKey"]


def _signed(content: bytes) -> dict[str, Any]:
    return {
        "KeyId": settings().decision_key,
        "Message": hashlib.sha256(content).digest(),
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
