"""Verify Ledger: whether the audit ledger is as it was written, and what is live is what it states.

`clinrisk audit verify` looks at the same, with the public key of decisions; this one runs every day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import kms, ledger
from clinrisk.aws.tables import deployments
from clinrisk.aws.telemetry import Metric, emit, logger
from clinrisk.core.ledger import reconciliation
from clinrisk.messages.operations import VerifyLedgerResult

if TYPE_CHECKING:
    from clinrisk.core.ledger.verification import Difference


def verify() -> VerifyLedgerResult:
    """Return how many entries hold as bytes and as a chain, and the first difference; a metric counts it."""
    found = ledger.verify()
    # A release moves its pointer a moment before its entry is written: one look may come in between.
    difference = found.difference or (_of_tables() and _of_tables())
    emit(Metric.LEDGER_DIFFERENCES, int(difference is not None))
    if difference:
        logger().error("the ledger does not verify", extra={"difference": difference.what})
    return VerifyLedgerResult(
        entries=found.count, head=found.head, difference=difference.what if difference else ""
    )


def _of_tables() -> Difference | None:
    state = deployments.stored_state(use_cases.names())
    return reconciliation.difference(ledger.entries(), state, kms.verify)
