"""SageMaker's jobs as subprocesses: training, tuning, processing, batch transform, and what they share.

What runs inside a job's interpreter is in `programs`.
"""
