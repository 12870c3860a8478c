"""What travels between the stages, and the queues it travels through."""

from streamcam.frames.channel import Channel
from streamcam.frames.fork import Fork
from streamcam.frames.frame import Frame, MadeOf, Pixels
from streamcam.frames.pool import FramePool
from streamcam.frames.ring import Inlet, Queue, Ring, RingClosed

__all__ = [
    "Channel",
    "Fork",
    "Frame",
    "FramePool",
    "Inlet",
    "MadeOf",
    "Pixels",
    "Queue",
    "Ring",
    "RingClosed",
]
