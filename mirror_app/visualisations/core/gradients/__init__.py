"""Gradients with respect to the pixels."""
