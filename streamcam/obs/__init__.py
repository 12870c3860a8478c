"""OBS Studio, driven through obs-websocket 5: its source, its scenes, its microphones.

Beside the running program and never part of it: `streamcam obs` is a process of its own.
"""
