"""The Dream page."""
