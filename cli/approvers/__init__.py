"""The verbs about the people who may decide."""
