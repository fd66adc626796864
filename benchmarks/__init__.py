"""Speeds as ratios, each to a reference measured in the same run: `make bench`."""
