"""Backends: what executes a frame step. One file each; the file name is the choice."""
