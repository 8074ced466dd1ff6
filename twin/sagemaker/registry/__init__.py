"""The model registry: versioned packages with their approval, and the models that a transform serves."""
