"""Repairs of CloudWatch: the metrics that AWS publishes by itself, metric math, and the alarms on them."""
