"""The suite for one GPU: every case in a process of its own, into one report."""
