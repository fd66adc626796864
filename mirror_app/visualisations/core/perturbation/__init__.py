"""Methods that hide parts of the picture and see what changes."""
