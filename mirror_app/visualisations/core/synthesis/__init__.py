"""Visualisations that create pictures by gradient ascent."""
