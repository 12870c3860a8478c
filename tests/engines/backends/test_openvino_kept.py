"""Graphs that OpenVINO compiled are kept: the same picture at once, and never a wrong one."""

import json
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from engines.api import EngineSpec, Params
from engines.artifacts import MANIFEST, why_not_whole
from engines.backends.openvino import ahead, kept
from engines.backends.openvino.graphs import Graph, ov
from engines.backends.openvino.runner import build_runner
from engines.build import build
from engines.errors import ModelUnavailable
from engines.families import open_model
from engines.model import EMBEDDED
from tests.engines.pictures import moving_picture

SPEC = EngineSpec(width=128, height=128, backend="openvino", threads=1)
TEXT = Graph("text_encoder", {})
TOKENS = np.arange(77, dtype=np.int64)[None] % 50


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache with the embedded model's text encoder in it."""
    root = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root))
        kept.compiled_graph(ov.Core(), open_model(SPEC), TEXT, SPEC, "CPU")
    return root / "streamcam"


@pytest.fixture
def cache(filled, tmp_path, monkeypatch):
    """A copy of it, of the test's own. What was said once is said again in the next test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept._warn_once.cache_clear()
    return shutil.copytree(filled, tmp_path / "cache" / "streamcam")


@pytest.fixture
def compiled(monkeypatch):
    """The names of the graphs that were read and compiled."""
    names, read_graph = [], kept.read_graph

    def counted(core, model, name, *others):
        names.append(name)
        return read_graph(core, model, name, *others)

    monkeypatch.setattr(kept, "read_graph", counted)
    return names


def encoded(model=None, spec=SPEC):
    """What the text encoder, compiled or kept, makes of some tokens."""
    graph = kept.compiled_graph(ov.Core(), model or open_model(spec), TEXT, spec, "CPU")
    return next(iter(graph.create_infer_request().infer({0: TOKENS}).to_dict().values()))


def folders(cache):
    return sorted((cache / "openvino").iterdir())


def picture(spec):
    """What a fresh engine makes of a picture."""
    engine = build(spec)
    params = Params(prompt=engine.encode("anime"), negative=engine.encode("photo"), strength=0.9)
    shown = engine.run(next(moving_picture(spec.width, spec.height)), params)
    engine.close()
    return shown


def test_the_second_engine_compiles_nothing_and_shows_the_same_picture(cache, compiled):
    first = picture(SPEC)
    assert compiled == ["frame_step.single.none"], "the text encoder was there"
    assert len(folders(cache)) == 2
    assert all(why_not_whole(folder) is None for folder in folders(cache))
    del compiled[:]
    assert np.array_equal(picture(SPEC), first)
    assert compiled == []


def truncated(blob):
    blob.write_bytes(blob.read_bytes()[:-1000])


def bit_flipped(blob):
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 4
    blob.write_bytes(content)


def bit_flipped_behind_its_date(blob):
    before = blob.stat()
    assert why_not_whole(blob.parent) is None, "its digest is known"
    bit_flipped(blob)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


def gone(blob):
    blob.unlink()


def without_manifest(blob):
    (blob.parent / MANIFEST).unlink()


def half_a_manifest(blob):
    manifest = blob.parent / MANIFEST
    manifest.write_text(manifest.read_text()[:100])


def of_another_key(blob):
    manifest = blob.parent / MANIFEST
    manifest.write_text(manifest.read_text().replace(blob.parent.name, "0123456789"))


def rewritten(blob, content):
    """With a manifest that says so: it is whole."""
    folder, about = blob.parent, json.loads((blob.parent / MANIFEST).read_text())["about"]
    properties = (folder / "properties.json").read_bytes()
    with kept.writing_folder(folder, about) as unfinished:
        (unfinished / blob.name).write_bytes(content)
        (unfinished / "properties.json").write_bytes(properties)


def no_blob_at_all(blob):
    rewritten(blob, b"something else that is whole")


def empty(blob):
    rewritten(blob, b"")


def without_properties(blob):
    (blob.parent / "properties.json").unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncated, "compiled.blob has "),
        (bit_flipped, "compiled.blob has other content than was written"),
        (bit_flipped_behind_its_date, "compiled.blob has other content than was written"),
        (gone, "compiled.blob is missing"),
        (without_manifest, "manifest.json cannot be read (No such file or directory)"),
        (half_a_manifest, "manifest.json cannot be read ("),
        (of_another_key, "manifest.json is that of another artifact, 0123456789"),
        (no_blob_at_all, ""),
        (empty, ""),
        (without_properties, "properties.json is missing"),
    ],
)
def test_what_is_damaged_is_named_and_made_anew(cache, compiled, caplog, damage, said):
    right = encoded()
    assert compiled == []
    (folder,) = folders(cache)
    damage(folder / "compiled.blob")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(encoded(), right)
    assert compiled == ["text_encoder"]
    (line,) = caplog.messages
    assert line.startswith(f"OpenVINO's graph {folder} is damaged: {said}")
    assert line.endswith("It is made anew.")
    assert why_not_whole(folder) is None
    assert np.array_equal(encoded(), right)
    assert compiled == ["text_encoder"], "it is whole again"


def test_half_of_one_is_not_found_and_goes_once_its_program_has_ended(cache, compiled):
    (whole,) = folders(cache)
    ended = next(number for number in range(2, 1 << 22) if not psutil.pid_exists(number))
    half = whole.with_name(f".{ended}.{whole.name}")
    whole.rename(half)
    (half / MANIFEST).unlink()
    encoded()
    assert compiled == ["text_encoder"]
    assert [folder.name for folder in folders(cache)] == [whole.name]


@pytest.fixture
def own_model(tmp_path):
    """A copy of the embedded model, to be changed."""
    leave = shutil.ignore_patterns("*.py", "training", "__pycache__")
    return shutil.copytree(EMBEDDED, tmp_path / "model", ignore=leave)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["vae/diffusion_pytorch_model", "text_encoder/model"])
def test_weights_that_were_replaced_give_the_new_picture(cache, own_model, part, monkeypatch):
    """Another file of the same name, size and date: what OpenVINO's own cache answers wrongly."""
    spec = replace(SPEC, model=str(own_model))
    before = picture(spec)
    weights = own_model / f"{part}.safetensors"
    state = weights.stat()
    content = bytearray(weights.read_bytes())
    halves = np.frombuffer(content, np.float16)[-200_000:]
    halves[:] = halves[::-1].copy()
    weights.write_bytes(content)
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    after = picture(spec)
    monkeypatch.setattr(kept, "cache_folder", lambda kind: own_model / "nothing" / kind)
    assert np.array_equal(after, picture(spec))
    assert not np.array_equal(after, before)


def other_version(patch, spec, _model):
    patch.setattr(ov, "get_version", lambda: "2027.0.0")
    return spec


def other_instructions(patch, spec, _model):
    patch.setenv("ONEDNN_MAX_CPU_ISA", "AVX")
    return spec


def other_processor(patch, spec, _model):
    patch.setattr(kept.np, "show_config", lambda mode: {"SIMD Extensions": {"found": ["AVX9"]}})
    return spec


def other_threads(_patch, spec, _model):
    return replace(spec, threads=2)


def other_precision(_patch, spec, _model):
    return replace(spec, precision="float32")


def other_graph(_patch, spec, model):
    graph = model / "text_encoder.onnx"
    graph.write_bytes(graph.read_bytes().replace(b"pytorch", b"pytorcH"))
    return spec


def other_weights(_patch, spec, model):
    weights = model / "text_encoder" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    return spec


@pytest.mark.parametrize(
    "change",
    [
        other_version,
        other_instructions,
        other_processor,
        other_threads,
        other_precision,
        other_graph,
        other_weights,
    ],
)
def test_whatever_shapes_it_makes_another(cache, own_model, compiled, monkeypatch, change):
    spec = replace(SPEC, model=str(own_model))
    encoded(spec=spec)
    encoded(spec=spec)
    assert compiled == [], "where the same model lies is no matter"
    encoded(spec=change(monkeypatch, spec, own_model))
    assert compiled == ["text_encoder"]
    assert len(folders(cache)) == 2


def test_every_shape_and_step_is_another(cache):
    core, model = ov.Core(), open_model(SPEC)
    places = set()
    for spec in (
        SPEC,
        replace(SPEC, width=144),
        replace(SPEC, height=144),
        replace(SPEC, steps=2),
        replace(SPEC, steps=3),
        replace(SPEC, steps=2, batching="sequential"),
        replace(SPEC, guidance_mode="self"),
        replace(SPEC, prompt_chunks=2),
    ):
        signature = kept_signature(model, spec)
        for statistics in ("own", "kept", "given"):
            graph = Graph(kept_name(spec), signature, statistics)
            config = kept.compile_properties(spec, "CPU")
            places.add(kept.place_of(core, model, graph, "CPU", config))
    assert len(places) == 8 * 3


def kept_name(spec):
    from engines.model import frame_step_graph

    return frame_step_graph(spec)


def kept_signature(model, spec):
    from engines.model.shapes import frame_step_signature, input_shapes

    return input_shapes(frame_step_signature(model, spec), model, spec)


def no_disk(patch):
    patch.setattr(kept.shutil, "disk_usage", lambda _: SimpleNamespace(free=kept.GIB))
    return "1.0 GiB are free on that disk"


def no_memory(patch):
    patch.setattr(kept, "memory_of", lambda _: SimpleNamespace(free=1 << 20))
    return "0.0 GiB of memory are free"


def refused(patch):
    def writing_folder(_place, _about):
        raise PermissionError(13, "Permission denied")

    patch.setattr(kept, "writing_folder", writing_folder)
    return "Permission denied"


def full_disk(patch):
    @contextmanager
    def writing_folder(place, _about):
        place.mkdir(parents=True)
        (place / "compiled.blob").symlink_to("/dev/full")
        try:
            yield place
        finally:
            shutil.rmtree(place)

    patch.setattr(kept, "writing_folder", writing_folder)
    return "No space left on device"


def no_export(patch):
    def export_model(_compiled, _stream):
        raise RuntimeError("Not implemented")

    patch.setattr(ov.CompiledModel, "export_model", export_model)
    return "Not implemented"


@pytest.mark.parametrize("hindrance", [no_disk, no_memory, refused, full_disk, no_export])
def test_what_cannot_be_kept_is_said_once_and_runs(cache, compiled, caplog, monkeypatch, hindrance):
    right = encoded()
    shutil.rmtree(cache)
    said = hindrance(monkeypatch)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(encoded(), right)
        assert np.array_equal(encoded(), right)
    assert compiled == ["text_encoder", "text_encoder"]
    assert caplog.messages == [
        f"OpenVINO's graph of nano is not kept in {cache / 'openvino'}: {said}."
    ]
    assert folders(cache) == []


def test_a_cache_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch, caplog):
    """A file lies where the cache would be."""
    (tmp_path / "streamcam").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert encoded().any()
    (line,) = caplog.messages
    assert "is not kept in" in line


def test_those_not_used_for_longest_go_and_the_new_one_stays(cache, monkeypatch):
    (first,) = folders(cache)
    size = (first / "compiled.blob").stat().st_size
    monkeypatch.setattr(kept, "LIMIT", int(2.5 * size))
    specs = [replace(SPEC, threads=threads) for threads in (2, 3)]
    os.utime(first / MANIFEST, (1, 1))
    encoded(spec=specs[0])
    (second,) = set(folders(cache)) - {first}
    os.utime(second / MANIFEST, (2, 2))
    encoded()  # the first is used, and now the newer of the two
    encoded(spec=specs[1])
    left = folders(cache)
    assert len(left) == 2
    assert first in left
    assert second not in left


def test_a_large_model_is_not_kept(cache, compiled, monkeypatch, caplog):
    shutil.rmtree(cache)
    monkeypatch.setattr(kept, "_LARGEST", 1 << 20)
    encoded()
    assert not (cache / "openvino").exists()
    assert caplog.messages == []


def test_a_model_that_lacks_a_file_is_refused_by_name(cache, own_model):
    spec = replace(SPEC, model=str(own_model))
    model = open_model(spec)
    (own_model / "frame_step.single.none.onnx").unlink()
    with pytest.raises(ModelUnavailable, match=r"frame_step\.single\.none\.onnx is missing"):
        build_runner(model, spec)
    (own_model / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match="cannot be read: damaged or not whole"):
        encoded(model, spec)


def test_other_devices_keep_nothing(cache, monkeypatch, compiled):
    """Their drivers have no name that a key could hold."""
    shutil.rmtree(cache)
    made = []
    monkeypatch.setattr(kept, "compile_graph", lambda *given: made.append(given[-1]))
    kept.compiled_graph(ov.Core(), open_model(SPEC), TEXT, SPEC, "GPU.0")
    assert made == ["GPU.0"]
    assert not (cache / "openvino").exists()


@pytest.fixture
def guessing(monkeypatch):
    """Nothing is guessed, before and after."""
    monkeypatch.setattr(ahead, "_guessed", {})
    monkeypatch.setattr(ahead, "_used", {})


def test_what_was_read_ahead_is_taken_and_not_read_again(cache, guessing, compiled, monkeypatch):
    right = encoded()
    (folder,) = folders(cache)
    os.utime(folder / MANIFEST, (1, 1))
    assert ahead.used(SPEC) == [folder.name]
    ahead.guess([folder.name])
    ahead.read()
    monkeypatch.setattr(kept, "_imported", None)
    assert np.array_equal(encoded(), right)
    assert compiled == []
    assert (folder / MANIFEST).stat().st_mtime > 1, "and counts as used"


def test_who_wants_what_is_being_read_waits_for_it(cache, guessing, monkeypatch):
    (folder,) = folders(cache)
    read_kept, begun, go_on = kept.read_kept, Event(), Event()

    def slowly(name):
        begun.set()
        assert go_on.wait(10)
        return read_kept(name)

    monkeypatch.setattr(kept, "read_kept", slowly)
    ahead.guess([folder.name])
    reader = Thread(target=ahead.read)
    reader.start()
    assert begun.wait(10)
    monkeypatch.setattr(kept, "_found", None)
    with ThreadPoolExecutor(1) as pool:
        wanted = pool.submit(encoded)
        assert not wait([wanted], 0.2).done
        go_on.set()
        assert wanted.result(10).any()
    reader.join()


@pytest.mark.parametrize("damage", [truncated, gone, half_a_manifest, no_blob_at_all])
def test_a_guess_that_cannot_be_read_is_named_by_who_wants_it(
    cache, guessing, compiled, caplog, damage
):
    right = encoded()
    (folder,) = folders(cache)
    damage(folder / "compiled.blob")
    ahead.guess([folder.name, "0123456789abcdef"])
    with caplog.at_level(logging.WARNING):
        ahead.read()
        assert caplog.messages == []
        assert np.array_equal(encoded(), right)
    assert compiled == ["text_encoder"]
    (line,) = caplog.messages
    assert line.startswith(f"OpenVINO's graph {folder} is damaged: ")


def test_a_wrong_guess_is_never_shown_and_can_be_forgotten(cache, guessing, compiled):
    """Of other weights, or another size: its key is another one."""
    (folder,) = folders(cache)
    ahead.guess([folder.name])
    ahead.read()
    encoded(spec=replace(SPEC, threads=2))
    assert compiled == ["text_encoder"]
    ahead.forget()
    assert ahead.take(folder.name) is None


def test_a_guess_of_another_openvino_is_not_read(cache, guessing, monkeypatch):
    """It may end the process, before a key is compared."""
    encoded()
    (folder,) = folders(cache)
    monkeypatch.setattr(kept, "_imported", None)
    monkeypatch.setattr(ov, "get_version", lambda: "2031.1")
    assert kept.read_kept(folder.name) is None


def test_openvinos_converter_is_left_out_and_can_still_be_had():
    """It is a quarter of OpenVINO's import, and another program in the process may want it."""
    code = (
        "import sys; import engines.backends.openvino.graphs; "
        "assert 'openvino.tools.ovc' not in sys.modules; "
        "from openvino.tools.ovc import convert_model; print(convert_model.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("convert_model\n", 0), done.stderr


def test_what_is_compiled_to_choose_from_is_kept_later_if_it_was_chosen(cache, guessing, compiled):
    """And on other threads at once."""
    shutil.rmtree(cache)
    specs = [replace(SPEC, width=width) for width in (128, 144)]
    with ahead.keeping_later() as keep:
        engines = [build(spec) for spec in specs]
        assert not (cache / "openvino").exists()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(encoded, spec=replace(SPEC, threads=2)).result()
        assert len(folders(cache)) == 1
    keep(engines[1].spec)
    for engine in engines:
        engine.close()
    assert len(folders(cache)) == 3
    del compiled[:]
    build(specs[1]).close()
    assert compiled == []
    build(specs[0]).close()
    assert compiled == ["frame_step.single.none"]
    assert len(folders(cache)) == 4
