"""The dream page."""
