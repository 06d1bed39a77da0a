"""Fits and figures over plain arrays, which know nothing of questions."""
