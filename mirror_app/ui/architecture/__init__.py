"""The architecture page."""
