"""Speeds relative to references, most of them measured in the same run: `make bench`."""
