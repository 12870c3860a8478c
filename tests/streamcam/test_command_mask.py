"""Bad masks, refused by the real command before anything is opened: one line, exit code 2."""

import numpy as np
import pytest
from real_command import SMALL

TO_FILE = ("--source", "demo", "--output", "out.mp4", "--no-web", *SMALL)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ('source = "gone.onnx"', "mask.source 'gone.onnx': there is no such file"),
        ('source = "text.onnx"', "mask network 'text.onnx' cannot be opened: "),
        ('source = "plate"', "mask.plate "),
        ('source = "plate"\nplate = "text.onnx"', "mask.plate 'text.onnx' is no picture"),
        ('source = "somebody"', "unknown mask.source 'somebody'."),
        ('source = "green"\nbackground = "look"', 'mask.background = "look" needs mask.look'),
        ('source = "green"\nbackground = "look"\nlook = "nor"', "mask.look: unknown look "),
        (
            'source = "green"\nbackground = "picture"',
            'mask.background = "picture" needs mask.picture',
        ),
        (
            'source = "green"\nbackground = "picture"\npicture = "text.onnx"',
            "mask.picture: ",
        ),
    ],
)
def test_bad_masks_are_refused(refused, folder, mask, message):
    (folder / "text.onnx").write_text("no network and no picture")
    person = "" if "background" in mask else 'person = "as it is"\n'
    (folder / "mine.toml").write_text(f'prompt = "ink"\n[mask]\n{person}{mask}\n')
    assert refused("--preset", "mine.toml", *TO_FILE).startswith(message)


@pytest.mark.parametrize(
    "mask", ['person = "raw"', 'colour = "red"', 'background = "none"', "source = 3"]
)
def test_a_bad_preset_names_key_and_file(refused, folder, mask):
    (folder / "mine.toml").write_text(f'prompt = "ink"\n[mask]\n{mask}\n')
    message = refused("--preset", "mine.toml", *TO_FILE)
    assert message.startswith("mine.toml: mask." + mask.partition(" ")[0])
    assert np.all([ord(sign) >= 32 for sign in message])
