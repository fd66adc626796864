"""Writes files: ZIP files that reproduce a picture, figures, comparisons, films and code."""
