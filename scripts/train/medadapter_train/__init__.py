"""MedAdapter training: from labelled LLM candidates to a published adapter bundle."""

__version__ = "0.1.0"
