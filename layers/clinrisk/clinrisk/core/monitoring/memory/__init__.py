"""What monitoring remembers of its findings: their states, mails, ledger entries, events."""
