"""Writes files: packages, figures, matrices and code."""
