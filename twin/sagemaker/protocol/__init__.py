"""SageMaker's API as botocore's service models describe it: operations, request checks, wire formats."""
