"""The embedded model: its files in diffusers layout, its ONNX graphs, and its torch modules."""
