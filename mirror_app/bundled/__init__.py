"""The network that comes with Mirror: the scenes it was trained on, its weights, and how it was trained."""
