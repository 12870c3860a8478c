"""What travels between the stages, and the queues it travels through."""

from streamcam.frames.channel import Channel
from streamcam.frames.frame import Frame, MadeOf, Pixels
from streamcam.frames.pool import FramePool
from streamcam.frames.ring import Queue, Ring, RingClosed

__all__ = ["Channel", "Frame", "FramePool", "MadeOf", "Pixels", "Queue", "Ring", "RingClosed"]
