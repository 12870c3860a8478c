"""What happens to a picture between the engine and the sinks."""
