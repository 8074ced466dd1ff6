"""Adapters to AWS: they fetch and store, the core decides."""
