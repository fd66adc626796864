"""What is written to files: packages, figures, matrices and code."""
