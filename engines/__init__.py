"""The diffusion engine: pictures in, restyled pictures out. Importable alone, no threads.

Start at `engines.api` (what an engine is) and `engines.build` (how to get one).
"""
