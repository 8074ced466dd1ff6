"""The evidence on paper: the report, the model card and their charts."""
