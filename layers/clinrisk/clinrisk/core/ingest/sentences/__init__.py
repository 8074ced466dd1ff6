"""What receipts and commands state about the rules: the sentence for each, and what to do."""
