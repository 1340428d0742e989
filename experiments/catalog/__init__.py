"""The catalog: a folder for each topic."""
