"""Long prompts: an engine has room for all prompts of its preset, and another is built for more."""

import shutil
import threading
from pathlib import Path

import pytest
from fake_world import FakeSource, make_preset

from engines.errors import InvalidPrompt
from engines.model import EMBEDDED
from streamcam.errors import UsageError
from streamcam.pipeline import Options
from streamcam.provision.spec import spec_for

SHORT, LONG, LONGER, ENDLESS = "neon", "neon " * 100, "neon " * 200, "neon " * 301


def spec_of(preset, **options):
    return spec_for(preset, Options(preset=preset, source="demo", outputs=("null",), **options))


@pytest.mark.parametrize(
    ("fields", "chunks"),
    [
        ({"prompt": SHORT}, 1),
        ({"prompt": LONG}, 2),
        ({"prompt": SHORT, "negative_prompt": LONGER}, 3),
        ({"prompt": LONG, "looks": {"a": LONGER, "b": {"negative_prompt": "neon " * 300}}}, 4),
        ({"prompt": f"{LONG}::2 | {LONG} | ({SHORT}:1.2)"}, 2),
        ({"prompt": SHORT, "looks": {"a": {"seed": 5}}}, 1),
    ],
)
def test_there_is_room_for_every_prompt_of_a_preset(fields, chunks):
    assert spec_of(make_preset(**fields)).prompt_chunks == chunks


def test_what_no_engine_can_read_names_look_and_limit():
    with pytest.raises(InvalidPrompt, match=r"preset custom: looks\.a: .*301 tokens.*room for 300"):
        spec_of(make_preset(looks={"a": ENDLESS}))
    with pytest.raises(InvalidPrompt, match=r"preset custom: prompt, at character 1, '\(neon"):
        spec_of(make_preset(prompt="(neon"))


@pytest.mark.parametrize("backend", ["null", "auto"])
def test_a_prompt_of_another_program_names_key_and_look(backend):
    for fields, begin in (
        ({"prompt": "a AND b"}, r"preset custom: prompt, at character 3, 'AND': two prompts at"),
        (
            {"negative_prompt": "embedding:x"},
            r"preset custom: negative_prompt, at character 1, 'em",
        ),
        ({"looks": {"a": "<lora:x:1>"}}, r"preset custom: looks\.a: prompt, at character 1, '<lor"),
    ):
        with pytest.raises(InvalidPrompt, match=f"^{begin}"):
            spec_of(make_preset(backend=backend, **fields))


def test_the_models_own_tokenizer_counts_if_it_is_here(tmp_path: Path):
    """One that knows no words counts letters."""
    model = tmp_path / "model"
    shutil.copytree(EMBEDDED, model)
    prompt = "anime " * 40
    assert spec_of(make_preset(prompt=prompt, model=str(model))).prompt_chunks == 1
    tokenizer = model / "tokenizer" / "tokenizer.json"
    text = tokenizer.read_text("utf-8")
    begin = text.index('"merges"')
    tokenizer.write_text(text[:begin] + '"merges": []}}', encoding="utf-8")
    assert spec_of(make_preset(prompt=prompt, model=str(model))).prompt_chunks == 3


@pytest.mark.parametrize("model", ["stabilityai/sd-turbo", "nowhere/else.safetensors", "x" * 200])
def test_a_model_that_is_not_here_is_not_fetched_to_count(model):
    assert spec_of(make_preset(prompt=LONG, model=model)).prompt_chunks == 2


def test_the_test_device_reads_prompts_of_any_length():
    assert spec_of(make_preset(prompt=ENDLESS, backend="null")).prompt_chunks == 1


def test_a_saved_preset_with_a_longer_prompt_gets_another_engine(world):
    world.source = FakeSource(1_000_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    wanted = make_preset(looks={"light": "bright " + LONG})
    pipeline.apply_preset(wanted)
    waiting = threading.Event()
    for _ in range(2000):
        if pipeline.preset is wanted:
            break
        waiting.wait(0.005)
    assert [engine.spec.prompt_chunks for engine in world.engines] == [1, 2]
    with pytest.raises(UsageError, match=r"^preset custom: looks\.light: prompt of 301 tokens"):
        pipeline.apply_preset(make_preset(looks={"light": ENDLESS}))
    assert pipeline.preset is wanted
    assert world.sinks["fake"].more()


def test_a_preset_that_starts_with_a_long_prompt_has_room_at_once(world):
    world.source = FakeSource(10)
    pipeline = world.pipeline(preset=make_preset(prompt=LONG))
    pipeline.start()
    assert pipeline.wait(30)
    assert [engine.spec.prompt_chunks for engine in world.engines] == [2]


def test_fields_of_the_preset_reach_the_engine():
    preset = make_preset(
        model="owner/name",
        family="sd15",
        autoencoder="own",
        loras={"owner/b": 0.8, "a.safetensors": 1.0},
        batching="sequential",
        execution="compile",
        precision="float32",
        steps=3,
        guidance_mode="full",
    )
    spec = spec_of(preset, size=(128, 256))
    assert (spec.model, spec.family, spec.autoencoder) == ("owner/name", "sd15", "own")
    assert spec.live_loras == ("owner/b", "a.safetensors")
    assert (spec.batching, spec.execution, spec.precision) == ("sequential", "compile", "float32")
    assert (spec.steps, spec.guidance_mode) == (3, "full")
    assert (spec.width, spec.height) == (128, 256)
