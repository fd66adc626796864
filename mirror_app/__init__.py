"""Mirror: look inside PyTorch image models."""

import os

# Without it, Intel's matrix products round by where in memory the numbers lie, and the same request gives other bits.
os.environ.setdefault("MKL_CBWR", "AUTO")
