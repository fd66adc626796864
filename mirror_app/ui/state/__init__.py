"""The session of a visitor, and the link that holds a view."""
