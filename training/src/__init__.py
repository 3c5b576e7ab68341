"""The folder that Azure ML uploads: a step runs in it, as ``python -m learning.train``."""
