"""What a person can see: the mathematics in `core`."""
