"""The model card as a document and as a page: the candidate's own, and its later editions."""
