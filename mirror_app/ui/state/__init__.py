"""The session of a visitor and its link."""
