"""TensorRT: NVIDIA cards. Empty: asking about a backend must not load torch."""
