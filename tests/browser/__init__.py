"""The tests in Chromium."""
