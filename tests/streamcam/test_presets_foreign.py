"""Looks of AUTOMATIC1111 and ComfyUI: files as those programs write them become presets."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engines.api import EngineSpec
from streamcam.errors import UsageError
from streamcam.presets import find, load_preset, save, save_preset
from streamcam.presets.foreign import importing
from streamcam.presets.foreign.importing import import_presets
from streamcam.presets.foreign.words import adopted
from streamcam.provision.prompts import with_room

INFOTEXT = """\
a harbour at night, (oil painting:1.2), <lora:thickPaint:0.8>,
rain on glass
Negative prompt: photo, blurry
Steps: 24, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234567, Size: 512x768, \
Model hash: abcdef, Model: dreams, Denoising strength: 0.45, Lora hashes: "thickPaint: 12, x: 3", \
Version: v1.10.1"""

# ComfyUI's usual graph: what its first window shows.
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "denoise": 1,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512}},
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {
            "text": "scenery, glass [bottle], (galaxy:1.2), embedding:shiny",
            "clip": ["10", 1],
        },
    },
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["10", 1]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "ink.safetensors",
            "strength_model": 0.7,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
}


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The folder of the user's presets."""
    folder = tmp_path / "user"
    for module in (find, save, importing):
        monkeypatch.setattr(module, "user_presets", lambda: folder)
    return folder


def checked(preset):
    with_room(EngineSpec(width=448, height=256), preset)


def png(path: Path, **texts: str) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text) if text.isascii() else info.add_itxt(key, text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def test_a_picture_of_automatic1111_is_a_preset(tmp_path):
    preset = load_preset(png(tmp_path / "harbour.png", parameters=INFOTEXT))
    checked(preset)
    assert preset.name == "harbour"
    assert preset.prompt == "a harbour at night, (oil painting:1.2), rain on glass"
    assert preset.negative_prompt == "photo, blurry"
    assert (preset.seed, preset.strength, preset.guidance_mode) == (1234567, 0.45, "self")
    assert preset.steps == 1
    left = "\n".join(preset.left_out)
    assert '<lora:thickPaint:0.8>: to have this LoRA, add "thickPaint.safetensors" = 0.8' in left
    for said in ("Steps 24: ", "CFG scale 7: ", "Sampler DPM++ 2M Karras: ", "Model dreams: "):
        assert said in left


@pytest.mark.parametrize("form", [".jpg", ".webp"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_in_exif_as_well(tmp_path, form, encoding):
    """The standard leaves the order of the bytes open, and programs differ."""
    exif = Image.Exif()
    text = INFOTEXT.replace("harbour", "harbour ☔")
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode(encoding)
    Image.new("RGB", (8, 8)).save(tmp_path / f"one{form}", exif=exif)
    assert load_preset(tmp_path / f"one{form}").prompt.startswith("a harbour ☔ at night")


def test_a_second_pass_is_not_the_strength(tmp_path):
    text = INFOTEXT.replace("Version", "Hires upscale: 2, Version")
    assert load_preset(png(tmp_path / "one.png", parameters=text)).strength == 0.8


def test_without_a_negative_prompt_and_with_text_of_other_scripts(tmp_path):
    text = "海辺の町、水彩\nSteps: 4, Seed: 18446744073709551615"
    preset = load_preset(png(tmp_path / "one.png", parameters=text))
    assert (preset.prompt, preset.negative_prompt, preset.seed) == ("海辺の町、水彩", "", 2)


def test_a_picture_of_comfyui_is_a_preset(tmp_path):
    preset = load_preset(png(tmp_path / "one.png", prompt=json.dumps(GRAPH), workflow="{}"))
    checked(preset)
    # Its square brackets are characters; here they would weaken what is in them.
    assert preset.prompt == r"scenery, glass \[bottle\], (galaxy:1.2)"
    assert preset.negative_prompt == "text, watermark"
    assert (preset.seed, preset.strength) == (2, 0.8)  # its seed is longer than one here
    left = "\n".join(preset.left_out)
    for said in ("embedding:shiny: ", "steps 20: ", "cfg 8: ", "ckpt_name v1-5.safetensors: "):
        assert said in left
    assert '"ink.safetensors" = 0.7 below [loras]' in left


def test_a_graph_with_a_guider_words_from_elsewhere_and_a_picture_to_begin_with(tmp_path):
    graph = {
        "1": {"inputs": {"noise_seed": 5}},
        "2": {"inputs": {"conditioning": ["3", 0], "model": ["9", 0]}},
        "3": {"inputs": {"guidance": 3.5, "conditioning": ["4", 0]}},
        "4": {"inputs": {"text": ["5", 0], "clip": ["9", 1]}},
        "5": {"inputs": {"value": "a garden of glass"}},
        "6": {"inputs": {"denoise": 0.6, "steps": 4}},
        "7": {"inputs": {"is_changed": [float("nan")]}},
    }
    preset = load_preset(png(tmp_path / "one.png", prompt=json.dumps(graph)))
    assert (preset.prompt, preset.seed, preset.strength) == ("a garden of glass", 5, 0.6)


def test_a_graph_whose_links_go_round_ends(tmp_path):
    graph = {
        "1": {"inputs": {"positive": ["2", 0]}},
        "2": {"inputs": {"conditioning": ["3", 0]}},
        "3": {"inputs": {"conditioning": ["2", 0]}},
    }
    with pytest.raises(UsageError, match="no prompt that leads to a sampler"):
        load_preset(png(tmp_path / "one.png", prompt=json.dumps(graph)))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({}, "holds no text of AUTOMATIC1111 or ComfyUI"),
        ({"parameters": "only words"}, "holds no text of AUTOMATIC1111 or ComfyUI"),
        ({"prompt": "no JSON"}, "one.png: ComfyUI's graph in it is no JSON"),
        ({"prompt": "[1]"}, "one.png: ComfyUI's graph in it has no prompt"),
    ],
)
def test_a_picture_without_a_look_is_one_line(tmp_path, texts, said):
    with pytest.raises(UsageError, match=said) as caught:
        load_preset(png(tmp_path / "one.png", **texts))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_is_one_line(tmp_path):
    (tmp_path / "one.png").write_text("prompt = 'anime'")
    with pytest.raises(UsageError, match="cannot be read as a picture: "):
        load_preset(tmp_path / "one.png")


def test_what_a_few_steps_cannot_do_is_refused_by_name(tmp_path):
    text = INFOTEXT.replace("rain on glass", "[rain:snow:0.5]")
    with pytest.raises(Exception, match=r"one.png: .*\[from:to:when\] changes words"):
        checked(load_preset(png(tmp_path / "one.png", parameters=text)))


def test_what_plays_is_saved_beside_the_picture_never_over_it(tmp_path, own):
    path = png(tmp_path / "harbour.png", parameters=INFOTEXT)
    before = path.read_bytes()
    running = load_preset(path)
    saved = save_preset(running, running.look(), "harbour")
    assert (saved.path, saved.prompt) == (own / "harbour.toml", running.prompt)
    assert path.read_bytes() == before


STYLES = '''\
name,prompt,negative_prompt
--- mine ---,,
Oil & Rain,"{prompt}, oil painting, <lora:thickPaint:0.8>, thick","photo, ""sharp"""
"two
lines","ink drawing,
black",
anime,cel shading,
turns,"[cat|dog] in a hat",
avoided,,photo
'''


def test_styles_become_presets(tmp_path, own):
    (tmp_path / "styles.csv").write_text(STYLES, "utf-8-sig")
    done = {one.name: one for one in import_presets(tmp_path / "styles.csv", checked)}
    assert list(done) == ["Oil Rain", "two lines", "anime", "turns", "avoided"]
    assert sorted(path.name for path in own.iterdir()) == [
        "Oil Rain.toml",
        "avoided.toml",
        "two lines.toml",
    ]
    oil = load_preset("oil rain")
    assert oil.prompt == "oil painting, thick"
    assert oil.negative_prompt == 'photo, "sharp"'
    assert "# Left out: <lora:thickPaint:0.8>" in (own / "Oil Rain.toml").read_text("utf-8")
    assert load_preset("two lines").prompt == "ink drawing, black"
    assert done["anime"].notes == ("not written: there is a preset of this name.",)
    (why,) = done["turns"].notes
    assert why.startswith("not written: prompt, at character 1, '[cat|dog]': words do not take")


def test_a_second_import_changes_nothing(tmp_path, own):
    (tmp_path / "styles.csv").write_text(STYLES, "utf-8")
    import_presets(tmp_path / "styles.csv", checked)
    (own / "avoided.toml").write_text('prompt = "mine"')
    again = import_presets(tmp_path / "styles.csv", checked)
    assert not [one for one in again if one.path]
    assert load_preset("avoided").prompt == "mine"


def test_styles_of_old(tmp_path):
    (tmp_path / "styles.csv").write_text("name, text\nsepia, old photograph\n", "utf-8")
    (done,) = import_presets(tmp_path / "styles.csv", checked)
    assert load_preset(done.path).prompt == "old photograph"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("styles.csv", "a,b\n1,2\n", "its first line must be name,prompt,negative_prompt"),
        ("styles.csv", "", "its first line must be name,prompt,negative_prompt"),
        ("styles.csv", "name,prompt\n", "holds no styles"),
        ("styles.txt", "name,prompt\n", "is no file to import"),
    ],
)
def test_files_that_hold_no_styles(tmp_path, own, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        import_presets(tmp_path / name, checked)
    assert not own.exists()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_name_of_a_style_becomes_a_file_of_this_folder(name):
    made = importing._name_of(name)
    assert 0 < len(made) <= 40
    assert Path(made).name == made
    assert made == made.strip(" .")


@pytest.mark.parametrize(
    ("text", "plain", "made"),
    [
        ("a, {prompt}, b", False, "a, b"),
        ("(<lora:x:1>:1.2), a", False, "a"),
        ("a | b::2", True, r"a \| b\:\:2"),
        (r"a \[b\]", True, r"a \[b\]"),
        ("a,\r\n\r\n b", False, "a, b"),
    ],
)
def test_words(text, plain, made):
    assert adopted(text, plain=plain)[0] == made
