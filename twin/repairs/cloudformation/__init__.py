"""Repairs of CloudFormation: what a SAM template becomes, and keys that are the same in every run."""
