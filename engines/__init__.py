"""The diffusion engine: pictures in, restyled pictures out. Importable alone, no threads.

Start at `engines.api` (what an engine is), `engines.build` (how to get one) and `engines.recipe`
(how to get several of one model).
"""
