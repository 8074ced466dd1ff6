"""The audit ledger as values: what every event states, the chain of entries, its check, and its wording."""
