"""Repairs of DynamoDB."""
