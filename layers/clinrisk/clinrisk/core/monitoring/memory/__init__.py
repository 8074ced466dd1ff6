"""What monitoring remembers of its findings: their states, the mails about them, what ledger and bus get of them."""
