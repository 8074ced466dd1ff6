"""The `clinrisk` command for data managers, operators and auditors: the same on AWS and on the twin.

The verbs stand in `ingest`, `status`, `monitoring`, `release`, `downloads` and `local_files`; `app` puts them
together. They load boto3, pydantic and polars only when they run, so that `--help` answers at once.
"""
