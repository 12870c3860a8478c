"""Newest frame + newest Params → engine; engines are built beside the running one and swapped."""
