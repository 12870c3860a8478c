"""OpenVINO: CPUs and Intel GPUs. Empty: asking about a backend must not load it."""
