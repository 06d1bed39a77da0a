"""The object store: versions, channels, signatures."""
