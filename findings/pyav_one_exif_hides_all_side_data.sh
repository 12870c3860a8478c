#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1), Pillow 12.0.0, numpy 2.3.5.
#
# A photograph that carries EXIF, as nearly every one does, decodes well. But FFmpeg now hands EXIF
# over as side data of a kind that PyAV's enumeration does not have, and then `frame.side_data` is
# no list without that entry: reading it raises ValueError, and with it everything else that
# lies there, such as the ICC profile, cannot be had. `frame.rotation` still works.
# Seen: "ValueError: 31 is not a valid Type"; without EXIF the list holds the ICC profile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q av==18.1.0 pillow==12.0.0 numpy==2.3.5
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

import av
from PIL import Image, ImageCms

folder = Path(sys.argv[1])
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
turned = Image.Exif()
turned[0x0112] = 6  # orientation: a quarter turn


def seen(name, **options):
    path = folder / name
    Image.new("RGB", (64, 48), "red").save(path, **options)
    with av.open(str(path)) as film:
        frame = next(film.decode(video=0))
    try:
        return [str(one.type) for one in frame.side_data], frame.rotation
    except ValueError as error:
        return f"ValueError: {error}", frame.rotation


plain, exif = seen("plain.jpg", icc_profile=profile), seen("exif.jpg", icc_profile=profile, exif=turned)
print("with a profile:         ", *plain)
print("with a profile and EXIF:", *exif)
assert "ICC" in str(plain[0]), "the profile is side data"
assert "ValueError" in exif[0], "EXIF no longer hides the rest"
assert abs(exif[1]) == 90, "the turn can be had all the same"
PYTHON
