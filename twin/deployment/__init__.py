"""The work of `sam build` and `sam deploy`: layers built, code packaged, the stack created on a twin.

How CloudFormation itself behaves on the twin is in `twin.repairs.cloudformation`.
"""
