"""The method's choices compared by small, equal training runs: the figures of docs/paper.md."""
