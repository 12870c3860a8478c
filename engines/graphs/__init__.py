"""torch → ONNX: the graphs of a model and their weights. Empty: some of it needs no torch."""
