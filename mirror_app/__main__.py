"""`python -m mirror_app`: Mirror from the command line."""

import sys

try:
    from mirror_app.cli import main

    code = main()
except KeyboardInterrupt:  # also while PyTorch is being imported
    print("Stopped.", file=sys.stderr)
    code = 130
sys.exit(code)
