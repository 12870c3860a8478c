"""PipeWire's client library, through ctypes: what showing a camera and capturing a screen share."""
