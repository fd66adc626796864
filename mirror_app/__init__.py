"""Mirror: look inside PyTorch image models."""
