"""Decodes picture files, which nobody has checked, in this process or in one that can be ended."""
