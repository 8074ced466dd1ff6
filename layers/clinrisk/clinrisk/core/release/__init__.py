"""What a release is decided on: the comparison with the live model, the approval page, ledger entries."""
