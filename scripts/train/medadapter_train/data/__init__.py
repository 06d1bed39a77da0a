"""Questions, candidates and feedback: read, checked, split."""
