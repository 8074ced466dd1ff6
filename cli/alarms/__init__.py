"""Alarms of the stack, as CloudWatch has them."""
