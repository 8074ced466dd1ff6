"""The approval page: the evidence as an approver reads it, the answer, and the page itself."""
