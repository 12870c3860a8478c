"""The one graph and its numbers. Empty: its signature and schedule need no torch."""
