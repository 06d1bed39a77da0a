"""A reader for each public data set."""
