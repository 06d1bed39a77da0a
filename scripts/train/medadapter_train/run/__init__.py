"""All stages of one file, in order."""
