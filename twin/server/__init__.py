"""The twin's process: started, served on loopback with a scrubbed environment, ended with all its children.

What the engine gets wrong is in `twin.repairs`; what it lacks is in `twin.sagemaker`.
"""
