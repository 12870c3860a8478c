"""What of a machine is worth a line at the start, and what is not."""

import platform
import sys
import types

import cv2
import psutil
import pytest

from streamcam.provision import limits


@pytest.mark.parametrize(
    ("machine", "avx2", "slow"),
    [
        ("x86_64", False, True),
        ("AMD64", False, True),
        ("x86_64", True, False),
        ("arm64", False, False),
    ],
)
def test_only_an_x86_processor_without_avx2_is_named(monkeypatch, machine, avx2, slow):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda feature: avx2 and feature == 11)
    assert (limits.processor() is not None) == slow


def test_a_mac_with_the_wrong_python_is_told_so(monkeypatch):
    """Rosetta plays a processor without AVX2."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda _feature: False)
    assert "on Apple silicon install the Python made for it" in str(limits.processor())


def test_opencv_s_number_for_avx2_is_the_one_that_is_asked_for():
    asked = cv2.checkHardwareSupport(11)
    assert asked == ("AVX2?" not in cv2.getCPUFeaturesLine() and "AVX2" in cv2.getCPUFeaturesLine())


@pytest.mark.parametrize(("free", "short"), [(0.79, True), (0.81, False), (3.0, False)])
def test_four_gigabytes_are_enough_as_long_as_one_is_free(monkeypatch, free, short):
    memory = types.SimpleNamespace(total=4 * 2**30, available=free * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert (limits.memory() is not None) == short
