"""Repairs of Step Functions: executions, tasks, branches, Maps and calls of other services.

SageMaker's own tasks are in `twin.sagemaker.engine`.
"""
