"""A program that receives numbered cards over NDI: `ndi_receiver.py NAME COUNT`.

It prints a line of JSON for every picture: number, worst colour error, width, height, rate. A
process of its own, as NDI takes its configuration (NDI_CONFIG_DIR) when it is loaded.
"""

import json
import sys
import time

import NDIlib as ndi
import numbered_card

PATIENCE = 30.0  # seconds


def find(name: str):
    finder = ndi.find_create_v2()
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        for source in ndi.find_get_current_sources(finder):
            if source.ndi_name.endswith(f"({name})"):
                return source
        ndi.find_wait_for_sources(finder, 500)
    sys.exit(f"nobody announced the NDI source {name!r}")


def receive(name: str, count: int) -> None:
    ndi.initialize()
    settings = ndi.RecvCreateV3()
    settings.color_format = ndi.RECV_COLOR_FORMAT_RGBX_RGBA
    receiver = ndi.recv_create_v3(settings)
    ndi.recv_connect(receiver, find(name))
    while count:
        kind, picture, _, _ = ndi.recv_capture_v2(receiver, 1000)
        if kind != ndi.FRAME_TYPE_VIDEO:
            continue
        number, off = numbered_card.read(picture.data[:, :, :3])
        rate = picture.frame_rate_N / picture.frame_rate_D
        print(json.dumps([number, off, picture.xres, picture.yres, rate]), flush=True)
        ndi.recv_free_video_v2(receiver, picture)
        count -= 1
    ndi.recv_destroy(receiver)


if __name__ == "__main__":
    receive(sys.argv[1], int(sys.argv[2]))
