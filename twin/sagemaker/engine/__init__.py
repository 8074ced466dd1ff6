"""The local SageMaker put into the engine: routes, permissions, CloudFormation types, Step Functions tasks.

Only `installation` imports the engine; the other modules translate for it.
"""
