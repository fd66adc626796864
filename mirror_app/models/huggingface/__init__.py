"""Models by name: those of timm, Transformers and open_clip on the Hugging Face hub, or in a folder."""
