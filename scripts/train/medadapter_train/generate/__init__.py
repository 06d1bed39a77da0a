"""Candidates from an LLM, and their outcome labels."""
