"""Visualisations: the built-in ones in `core`, the registry, and the way to add your own."""
