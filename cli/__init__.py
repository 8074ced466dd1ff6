"""The `clinrisk` command for data managers, operators and auditors: the same on AWS and on the twin."""
