"""A new Lambda function, written wherever the project has to know it (`make function`).

`declaration` is what is decided beforehand, `code` the Python files, the messages and the event, `resources`
its part of template.yaml. Nothing here is used by functions that exist.
"""
