"""Questions to the kernel about video devices: answers are packed as linux/videodev2.h lays them
out, by a stand-in for the ioctl that knows one camera."""

import errno
import struct

import pytest

from streamcam.doctor import v4l2
from streamcam.doctor.v4l2 import CAN_CAPTURE, CAN_OUTPUT, Mode

# The numbers as `printf("%x")` of VIDIOC_… gives them on Linux.
QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = (
    0x80685600,
    0xC0405602,
    0xC02C564A,
    0xC034564B,
)
CAMERA = {"MJPG": {(1280, 720): [30, 15], (640, 480): [60]}, "YUYV": {(640, 480): [30]}}


def camera(_device, request, answer):
    """A camera that lists CAMERA."""
    index, *asked = struct.unpack_from("=4I", answer)
    if request == ENUM_FMT:
        code = nth(list(CAMERA), index)
        struct.pack_into("=3I32s4s", answer, 0, index, 1, 0, b"a format", code.encode())
        return 0
    sizes = CAMERA[struct.pack("=I", asked[0]).decode()]
    if request == ENUM_FRAMESIZES:
        struct.pack_into("=I2I", answer, 8, 1, *nth(list(sizes), index))
        return 0
    assert request == ENUM_FRAMEINTERVALS
    rate = nth(sizes[asked[1], asked[2]], index)
    struct.pack_into("=I2I", answer, 16, 1, 1, rate)
    return 0


def nth(values, index):
    if index >= len(values):
        raise OSError(errno.EINVAL, "no more")
    return values[index]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "video0"
    file.touch()
    return str(file)


def test_modes_of_a_camera(path):
    assert v4l2.modes(path, camera) == [
        Mode("MJPG", 1280, 720, 30.0),
        Mode("MJPG", 640, 480, 60.0),
        Mode("YUYV", 640, 480, 30.0),
    ]


def test_sizes_that_go_in_steps_are_not_listed(path):
    def stepwise(device, request, answer):
        camera(device, request, answer)
        if request == ENUM_FRAMESIZES:
            struct.pack_into("=I", answer, 8, 3)
        return 0

    assert v4l2.modes(path, stepwise) == []


def test_a_device_that_fails_is_told(path):
    def unplugged(*_):
        raise OSError(errno.ENODEV, "No such device")

    with pytest.raises(OSError, match="No such device"):
        v4l2.modes(path, unplugged)
    with pytest.raises(FileNotFoundError):
        v4l2.capabilities(f"{path}0")


@pytest.mark.parametrize("can", [0, CAN_CAPTURE, CAN_OUTPUT, CAN_CAPTURE | CAN_OUTPUT])
@pytest.mark.parametrize("own", [True, False])
def test_capabilities_are_those_of_the_device_and_not_of_its_driver(path, can, own):
    def loopback(_device, request, answer):
        assert request == QUERYCAP
        whole, here = (1 << 31 | 3, can) if own else (can, 3)
        struct.pack_into("=2I", answer, 84, whole, here)
        return 0

    assert v4l2.capabilities(path, loopback) & 3 == can
