"""The verbs about the audit ledger."""
