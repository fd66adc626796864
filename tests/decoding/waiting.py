"""A process that reads nothing and answers nothing."""

import time

time.sleep(60)
