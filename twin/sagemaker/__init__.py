"""SageMaker and its Feature Store on a laptop: jobs as subprocesses, their files in S3.

The core (`local_service.LocalSageMaker`) is a function from operation and input to output and knows no
engine; `engine.installation` connects it to the one of this process.
"""
