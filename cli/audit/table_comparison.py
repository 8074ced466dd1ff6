"""The ledger held against the tables, and its signatures against the public key of decisions."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.core.digests import sha256
from clinrisk.core.ledger import reconciliation

if TYPE_CHECKING:
    from clinrisk.core.ledger.verification import Difference


def difference() -> Difference | None:
    """Return the first thing in which the ledger and what is live disagree, or None."""
    from clinrisk.aws import kms, ledger
    from clinrisk.aws.tables import deployments

    key, state = PublicKey(kms.public_key()), deployments.stored_state(use_cases.names())
    return reconciliation.difference(ledger.entries(), state, key.signed)


def key_digest() -> str:
    """Return the sha256 of the public key of decisions, by which a copy of it is known."""
    from clinrisk.aws import kms

    return sha256(kms.public_key())


class PublicKey:
    """The public half of the decision key: it needs no AWS to check a signature."""

    def __init__(self, der: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        key = load_der_public_key(der)
        assert isinstance(key, EllipticCurvePublicKey)  # noqa: S101 - the template says so
        self._key = key

    def signed(self, content: bytes, signature: str) -> bool:
        """Return whether this key's other half signed these very bytes (ECDSA over their SHA-256)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key.verify(base64.b64decode(signature, validate=True), content, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error):
            return False
        return True
