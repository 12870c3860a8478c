"""The threads that a frame travels on, from the source to the sinks."""
