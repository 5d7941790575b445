"""Propose a dataset's contract from a sample of its records."""
