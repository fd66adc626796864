"""Models of people who did not think of Mirror: they keep, write, couple and close over what they please."""
