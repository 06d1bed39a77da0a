"""Public data sets' own file formats, read from a folder that the user has downloaded."""
