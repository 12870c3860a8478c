#!/usr/bin/env bash
# aiortc 1.16.0, PyAV 18.1.0, numpy 2.3.5.
#
# A track that arrives is a queue without a bound. Browsers drop pictures that nobody shows; aiortc decodes and keeps
# every one. A program that takes pictures more slowly than they come, as any image generator does, shows an ever
# older camera, and holds 1.4 MB more for each picture of 1280x720: an hour at 30 for 20 a second is 20 minutes late.
# The same holds for the sound of an offer that one does not care for, from the moment the answer lets it in.
# Nothing is dropped, and no statistic says how many wait. Whoever wants the newest picture has to take all of them, all the time.
#
# And a connection made without a configuration, or with an empty one, first asks a public STUN server of Google's for its
# address; only `iceServers=[]`, an empty list, asks nobody. (Browsers, where the default is an empty list, ask nobody.)
#
# Seen (30 pictures a second, read from the fourth second on): the first picture read is the first one sent, and all that were sent
# meanwhile, more than 60, follow within half a second. Servers asked: by default stun.l.google.com, with the empty list none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aiortc==1.16.0 av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import asyncio
import time

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, VideoStreamTrack
from aiortc.rtcicetransport import RTCIceGatherer
from av import VideoFrame


class Numbered(VideoStreamTrack):
    sent = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        grey = np.full((64, 64, 3), 20 + self.sent % 2 * 200, np.uint8)
        picture = VideoFrame.from_ndarray(grey, format="rgb24")
        picture.pts, picture.time_base = pts, base
        self.sent += 1
        return picture


async def main():
    sender = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    arrived = asyncio.get_running_loop().create_future()
    receiver.on("track", arrived.set_result)
    track = Numbered()
    sender.addTrack(track)
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    await sender.setRemoteDescription(receiver.localDescription)
    incoming = await arrived
    while receiver.connectionState != "connected":
        await asyncio.sleep(0.05)
    await asyncio.sleep(4.0)
    sent, began = track.sent, time.perf_counter()
    first = await incoming.recv()
    read = 1
    while time.perf_counter() - began < 0.5:
        last = await incoming.recv()
        read += 1
    late = float((last.pts - first.pts) * last.time_base)
    print(f"{sent} sent before the first was read; {read} pictures came out within half a second, which")
    print(f"are {late:.1f} s apart on the camera's clock")
    assert read > 60 and late > 2.0, "they no longer wait"
    await sender.close()
    await receiver.close()
    asked = [[server.urls for server in servers] for servers in (
        RTCIceGatherer.getDefaultIceServers(), RTCConfiguration(iceServers=[]).iceServers)]
    print(f"asked by default: {asked[0]}; with an empty list: {asked[1]}")
    assert "google" in str(asked[0]) and asked[1] == []


asyncio.run(main())
PYTHON
