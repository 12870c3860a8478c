"""Serve: one machine's engine for the cameras of others. Ray Serve places, scales and heals it."""
