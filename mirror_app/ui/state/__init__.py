"""The session of a visitor, its link, and its background runs."""
