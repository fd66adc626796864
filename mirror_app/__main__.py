"""`python -m mirror_app`: Mirror from the command line."""

import sys

from mirror_app.cli import main

sys.exit(main())
