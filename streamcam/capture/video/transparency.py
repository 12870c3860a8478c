"""WebM with transparency: its alpha channel travels beside the pictures, as packets' side data."""

from __future__ import annotations

from typing import cast

from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

# FFmpeg's own decoders of VP8 and VP9 leave the alpha channel out without a word; Google's read it.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """What is to decode the packets of this stream: its own decoder, unless that drops alpha."""
    own = stream.codec_context
    labels = {key.lower(): value for key, value in stream.metadata.items()}  # either is written
    if labels.get("alpha_mode") != "1" or own.name not in _WITH_ALPHA:
        return own
    other = cast(VideoCodecContext, CodecContext.create(_WITH_ALPHA[own.name], "r"))
    other.extradata = own.extradata
    return other
