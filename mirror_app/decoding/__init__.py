"""Decodes untrusted picture files, in this process or in a separate one that can be killed."""
