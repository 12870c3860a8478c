"""Mask sources: what each of them promises, on drawings whose alpha is exact."""

import hashlib

import cv2
import numpy as np
import onnx
import pytest
from drawn_people import SIZE, alpha, over, person, scene, settings, texture
from onnx import TensorProto, helper

from streamcam.errors import UnknownChoice, UsageError
from streamcam.mask import NoMask
from streamcam.mask.source import open_source
from streamcam.mask.source.green import Green
from streamcam.mask.source.person import MODEL
from streamcam.mask.source.plate import Plate, keep_plate, user_plate

GREEN = np.array([40, 200, 60], np.uint8)


def red_network(path, shape=(1, 3, 48, 64), out=(1, 1, 48, 64), nodes=None, outputs=1):
    """A network whose mask is the picture's red."""
    nodes = nodes or [
        helper.make_node("Slice", ["picture", "first", "second", "axis"], ["mask"]),
    ]
    constants = [
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("second", TensorProto.INT64, [1], [1]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    names = ["mask", "other"][:outputs]
    if outputs == 2:
        nodes.append(helper.make_node("Identity", ["mask"], ["other"]))
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, out) for name in names],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def _green(number=0):
    share = alpha(left=3.0 * number)
    return over(person(), share, np.broadcast_to(GREEN, (SIZE[1], SIZE[0], 3))), share


def _plate(number=0):
    room = texture(5, 120, 230, size=SIZE)
    share = alpha(left=3.0 * number)
    return over(person(), share, room), share, room


def _source(kind, tmp_path):
    if kind == "plate":
        return Plate(_plate()[2]), _plate()[:2]
    if kind == "network":
        path = red_network(tmp_path / "red.onnx")
        picture = np.zeros((180, 320, 3), np.uint8)
        picture[40:140, 80:240, 0] = 255
        return open_source(settings(source=str(path))), (picture, picture[:, :, 0] / 255.0)
    if kind == "person":
        return open_source(settings(source="person")), None
    return open_source(settings()), _green()


@pytest.mark.parametrize("kind", ["green", "plate", "network", "person"])
def test_a_mask_is_shares_of_the_pictures_shape(kind, tmp_path):
    source, known = _source(kind, tmp_path)
    picture = scene(0)[0] if known is None else known[0]
    mask = source.look_at(picture)
    assert mask.dtype == np.float32
    assert mask.ndim == 2
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0
    if known is not None:
        full = cv2.resize(mask, picture.shape[1::-1])
        assert np.abs(full - known[1]).mean() < 0.03
    assert source.look_at(picture).shape == mask.shape


@pytest.mark.parametrize("level", [90, 140, 200, 250])
def test_green_is_exact_however_bright_the_screen_is(level):
    share = alpha()
    screen = np.array([level // 6, level, level // 4], np.uint8)
    picture = over(person(), share, np.broadcast_to(screen, (*share.shape, 3)))
    source = Green()
    assert np.abs(source.look_at(picture) - share).mean() < 0.015
    assert np.abs(source.shares(picture) - share).mean() < 0.015


def test_green_light_is_taken_from_the_person():
    picture = np.array([[[100, 140, 90], [80, 60, 90]]], np.uint8)
    Green().clean(picture)
    assert picture.tolist() == [[[100, 100, 90], [80, 60, 90]]]


def test_without_a_green_screen_there_is_no_mask():
    with pytest.raises(NoMask, match="no green screen"):
        Green().look_at(person())


def test_a_plate_bears_other_light():
    picture, share, room = _plate()
    brighter = np.clip(picture * 1.2, 0, 255).astype(np.uint8)
    source = Plate((room * 0.98).astype(np.uint8))
    for _ in range(3):
        mask = source.look_at(brighter)
    assert np.abs(cv2.resize(mask, SIZE) - share).mean() < 0.03


def test_a_plate_of_another_place_is_no_mask():
    with pytest.raises(NoMask, match="camera was moved"):
        Plate(texture(77, 0, 90, grain=20, size=SIZE)).look_at(texture(5, 160, 250, size=SIZE))


def test_a_plate_of_another_shape_is_cut_as_the_picture_is():
    picture, share, room = _plate()
    taller = np.vstack([room[:60], room, room[-60:]])
    mask = Plate(taller).look_at(picture)
    assert np.abs(cv2.resize(mask, SIZE) - share).mean() < 0.03


def test_the_taken_plate_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr("streamcam.mask.source.plate.user_folder", lambda: tmp_path / "home")
    with pytest.raises(UsageError, match=r"mask.plate .*plate.png.*press p"):
        open_source(settings(source="plate"))
    picture, share, room = _plate()
    assert keep_plate(room) == user_plate()
    mask = open_source(settings(source="plate")).look_at(picture)
    assert np.abs(cv2.resize(mask, SIZE) - share).mean() < 0.03
    assert [path.name for path in user_plate().parent.iterdir()] == ["plate.png"]


def test_a_plate_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("a file in the way")
    monkeypatch.setattr("streamcam.mask.source.plate.user_folder", lambda: tmp_path / "home")
    with pytest.raises(UsageError, match=r"plate.png cannot be written"):
        keep_plate(person())


def test_the_shipped_network_is_mediapipes_own_file():
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert digest == "4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894"
    stated = (MODEL.parent / "README.md").read_text("utf-8")
    assert digest in stated
    assert f"{MODEL.stat().st_size:,} bytes" in stated
    assert "Apache License" in (MODEL.parent / "LICENSE").read_text("utf-8")


def test_the_shipped_network_finds_nobody_in_a_wall():
    assert open_source(settings(source="person")).look_at(texture(5, 120, 230)).mean() < 0.05


def test_a_network_that_takes_any_size(tmp_path):
    path = red_network(tmp_path / "any.onnx", (1, 3, "h", "w"), (1, 1, "h", "w"))
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[:, :320, 0] = 255
    mask = open_source(settings(source=str(path))).look_at(picture)
    assert mask.shape == (144, 256)
    assert mask[:, :120].min() > 0.99
    assert mask[:, 136:].max() < 0.01


def test_a_network_with_channels_last(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["picture"], ["mask"], axes=[3], keepdims=1)]
    path = red_network(tmp_path / "last.onnx", (1, 48, 64, 3), (1, 48, 64, 1), nodes)
    mask = open_source(settings(source=str(path))).look_at(np.full((90, 160, 3), 51, np.uint8))
    assert np.allclose(mask, 0.2, atol=1e-3)


def test_a_network_that_fails_on_the_way_is_no_mask(tmp_path, monkeypatch):
    source = open_source(settings(source=str(red_network(tmp_path / "red.onnx"))))

    class Broken:
        def infer(self):
            raise RuntimeError("out of everything")

    monkeypatch.setattr(source, "_request", Broken())
    with pytest.raises(NoMask, match=r"failed: .*out of everything"):
        source.look_at(person())


def test_a_network_that_gives_no_numbers_is_no_mask(tmp_path):
    nodes = [
        helper.make_node("Slice", ["picture", "first", "second", "axis"], ["part"]),
        helper.make_node("Constant", [], ["nothing"], value_float=float("nan")),
        helper.make_node("Add", ["part", "nothing"], ["mask"]),
    ]
    path = red_network(tmp_path / "nan.onnx", nodes=nodes)
    with pytest.raises(UsageError, match="gives no numbers"):
        open_source(settings(source=str(path)))


def _two_pictures(path):
    nodes = [helper.make_node("Add", ["picture", "more"], ["mask"])]
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 48, 64))
        for name in ("picture", "more")
    ]
    made = [helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 3, 48, 64))]
    graph = helper.make_graph(nodes, "two", given, made)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )


def _scaled(path):
    nodes = [
        helper.make_node("Slice", ["picture", "first", "second", "axis"], ["part"]),
        helper.make_node("Cast", ["second"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["part", "one"], ["mask"]),
    ]
    red_network(path, nodes=nodes)


FAULTS = {
    "grey.onnx": (lambda path: red_network(path, (1, 1, 48, 64)), r"input is \[1,1,48,64\]"),
    "flat.onnx": (
        lambda path: red_network(
            path, (3, 48), (3, 48), [helper.make_node("Abs", ["picture"], ["mask"])]
        ),
        r"input is \[3,48\]",
    ),
    "tiny.onnx": (
        lambda path: red_network(path, (1, 3, 4, 4), (1, 1, 4, 4)),
        "sides of 16 to 2048",
    ),
    "three.onnx": (
        lambda path: red_network(
            path, out=(1, 3, 48, 64), nodes=[helper.make_node("Abs", ["picture"], ["mask"])]
        ),
        r"output is \[1,3,48,64\]",
    ),
    "two.onnx": (lambda path: red_network(path, outputs=2), "1 inputs and 2 outputs"),
    "pair.onnx": (_two_pictures, "2 inputs and 1 outputs"),
    "scaled.onnx": (_scaled, "gives numbers from -1 to -1"),
    "text.onnx": (lambda path: path.write_text("no network"), "cannot be opened"),
    "empty.tflite": (lambda path: path.write_bytes(b""), "cannot be opened"),
    "cut.tflite": (lambda path: path.write_bytes(MODEL.read_bytes()[:90_000]), "cannot be opened"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_such_network_is_one_line(name, tmp_path):
    make, expected = FAULTS[name]
    make(tmp_path / name)
    with pytest.raises(UsageError, match=expected) as caught:
        open_source(settings(source=str(tmp_path / name)))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_what_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"mask.source 'gone.onnx': there is no such file"):
        open_source(settings(source="gone.onnx"))
    with pytest.raises(UnknownChoice, match="Did you mean 'person'"):
        open_source(settings(source="persn"))


def test_a_plate_that_is_no_picture(tmp_path):
    (tmp_path / "room.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"mask.plate .*room.png.* is no picture"):
        open_source(settings(source="plate", plate=str(tmp_path / "room.png")))
