"""The encoder, what it reads, and the scores it gives."""
