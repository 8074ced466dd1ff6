"""The approval page: the evidence as an approver reads it, the answer as the page takes it, and the page itself."""
