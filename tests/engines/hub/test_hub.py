"""The hub: only what is needed is fetched, once, and every refusal names its fix."""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import constants

from engines.errors import BackendUnavailable, ModelUnavailable
from engines.hub import fetch, fetch_configuration, fetch_file, looks_like_hub_id
from tests.engines.hub.fake_hub import FakeHub, running

MODEL = "somebody/sd-tiny"
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"


def pipeline_files():
    index = {
        "_class_name": "StableDiffusionPipeline",
        "requires_safety_checker": True,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": [None, None],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    }
    wanted = {
        "model_index.json": json.dumps(index).encode(),
        "unet/config.json": b"{}",
        UNET: bytes(range(256)) * 64,
        "vae/config.json": b"{ }",
        "vae/diffusion_pytorch_model.safetensors": b"plain only" * 500,
        "text_encoder/config.json": b"{  }",
        "text_encoder/model.fp16-00001-of-00002.safetensors": b"first half",
        "text_encoder/model.fp16-00002-of-00002.safetensors": b"second half",
        "text_encoder/model.safetensors.index.fp16.json": b"{   }",
        "tokenizer/vocab.json": b"{    }",
        "tokenizer/merges.txt": b"#version: 0.2",
        "tokenizer/tokenizer_config.json": b"{     }",
        "scheduler/scheduler_config.json": b"{      }",
    }
    unwanted = {
        "README.md": b"read me",
        "sd-tiny.safetensors": b"the whole model in one file",
        "sd-tiny.ckpt": b"and as a pickle",
        "unet/diffusion_pytorch_model.safetensors": b"float32",
        "unet/diffusion_pytorch_model.bin": b"pickle",
        "unet/diffusion_pytorch_model.non_ema.safetensors": b"not averaged",
        "text_encoder/model.safetensors": b"float32 ",
        "text_encoder/pytorch_model.bin": b"pickle ",
        "text_encoder/model.onnx": b"onnx",
        "text_encoder/openvino_model.bin": b"openvino",
        "text_encoder/openvino_model.xml": b"<openvino/>",
        "text_encoder/flax_model.msgpack": b"flax",
        "vae_decoder/config.json": b"{       }",
        "vae_decoder/model.onnx": b"onnx ",
        "safety_checker/config.json": b"{        }",
        "safety_checker/model.fp16.safetensors": b"large",
    }
    return wanted, unwanted


def single_component(**files):
    return {"config.json": b"{}", "diffusion_pytorch_model.safetensors": b"weights", **files}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache, and no hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    go_offline(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return tmp_path / "hub"


@pytest.fixture
def hub(cache, monkeypatch):
    wanted, unwanted = pipeline_files()
    with running(FakeHub({MODEL: {**wanted, **unwanted}})) as fake:
        use_hub(monkeypatch, fake.address)
        yield fake


def use_hub(monkeypatch, address):
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def go_offline(monkeypatch):
    use_hub(monkeypatch, "http://127.0.0.1:9")  # where nothing listens


def contents(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_only_what_is_needed_is_fetched_and_half_precision_is_preferred(hub):
    wanted, _ = pipeline_files()
    assert contents(fetch(MODEL)) == wanted
    assert hub.downloaded() == sorted(wanted)


def test_parts_limit_the_folders(hub):
    folder = fetch(MODEL, parts=("unet", "text_encoder_2", "tokenizer"))
    names = {name for name in pipeline_files()[0] if name.startswith(("unet/", "tokenizer/"))}
    assert set(contents(folder)) == {"model_index.json", *names}


def test_what_is_whole_in_the_cache_is_used_without_asking_the_hub(hub):
    folder = fetch(MODEL)
    hub.asked.clear()
    assert fetch(MODEL) == folder
    assert fetch(MODEL, parts=["vae"]) == folder
    assert hub.asked == []


def test_more_parts_later_fetch_only_what_is_missing(hub):
    fetch(MODEL, parts=["unet", "scheduler"])
    hub.sent.clear()
    folder = fetch(MODEL)
    assert contents(folder) == pipeline_files()[0]
    assert UNET not in hub.downloaded()


def test_a_configuration_comes_without_weights(hub):
    folder = fetch_configuration(MODEL)
    wanted, _ = pipeline_files()
    described = {name for name in wanted if not name.endswith(".safetensors")}
    assert set(contents(folder)) == described
    hub.asked.clear()
    assert fetch_configuration(MODEL) == folder
    assert hub.asked == []
    assert contents(fetch(MODEL)) == wanted


def test_one_component_at_the_root(hub, monkeypatch):
    hub.repositories["madebyollin/taesd"] = single_component(
        **{"taesd.safetensors": b"another layout", "diffusion_pytorch_model.bin": b"pickle"}
    )
    folder = fetch("madebyollin/taesd")
    assert contents(folder) == single_component()
    go_offline(monkeypatch)
    assert fetch("madebyollin/taesd") == folder


def test_a_cut_connection_is_resumed_where_it_broke(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    content = hub.repositories[MODEL][UNET]
    hub.cuts[UNET] = 9000
    folder = fetch(MODEL, parts=["unet"])
    assert (folder / UNET).read_bytes() == content
    assert hub.downloads_of(UNET) == [(0, 9000), (9000, len(content) - 9000)]


@pytest.mark.parametrize("offline_by", ["environment", "no network"])
def test_a_second_call_offline(hub, monkeypatch, offline_by):
    folder = fetch(MODEL)
    if offline_by == "environment":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        go_offline(monkeypatch)
    assert fetch(MODEL) == folder


def test_nothing_cached_and_no_network(cache):
    with pytest.raises(ModelUnavailable) as refusal:
        fetch("stabilityai/sd-turbo")
    said = str(refusal.value)
    assert "\n" not in said
    assert said.startswith(
        "model 'stabilityai/sd-turbo' is not on this machine and 127.0.0.1 cannot be reached: "
    )
    assert "Connection refused" in said
    assert "`hf download stabilityai/sd-turbo --local-dir FOLDER`" in said
    assert said.endswith("--model FOLDER")


def test_nothing_cached_and_offline_by_environment(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set"):
        fetch(MODEL)
    assert hub.asked == []


@pytest.mark.parametrize(
    "lost",
    [UNET, "text_encoder/model.fp16-00002-of-00002.safetensors", "tokenizer/merges.txt"],
)
def test_half_cached_and_offline_says_what_is_missing(hub, monkeypatch, lost):
    folder = fetch(MODEL)
    (folder / lost).unlink()
    go_offline(monkeypatch)
    with pytest.raises(ModelUnavailable, match="only partly on this machine") as refusal:
        fetch(MODEL)
    assert lost.split("/")[0] in str(refusal.value)
    assert fetch(MODEL, parts=["vae"]) == folder


def test_half_cached_is_completed(hub):
    folder = fetch(MODEL)
    (folder / UNET).resolve().unlink()
    hub.sent.clear()
    assert contents(fetch(MODEL)) == pipeline_files()[0]
    assert hub.downloaded() == [UNET]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ((401, "RepoNotFound"), r"is not at http.*somebody/sd-tiny, or it is private.*hf auth log"),
        ((404, "RepoNotFound"), r"is not at .*Check the name"),
        ((403, "GatedRepo"), r"accepted its terms: accept them at http.*sd-tiny.*hf auth login"),
        ((401, "GatedRepo"), r"accepted its terms"),
        ((403, None), r"refused to this machine.*hf auth login"),
        ((503, None), r"cannot be reached: .*503"),
    ],
)
def test_a_refused_repository(hub, refused, said):
    hub.refusals[MODEL] = refused
    with pytest.raises(ModelUnavailable, match=said) as refusal:
        fetch(MODEL)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ModelUnavailable, match=said):
        fetch_file(MODEL, "lora.safetensors")


def test_an_unknown_repository(hub):
    with pytest.raises(ModelUnavailable, match=r"'some/typo' is not at .*or it is private"):
        fetch("some/typo")


def test_pickles_are_refused_by_name(hub):
    del hub.repositories[MODEL]["vae/diffusion_pytorch_model.safetensors"]
    hub.repositories[MODEL]["vae/diffusion_pytorch_model.bin"] = b"pickle"
    with pytest.raises(ModelUnavailable, match=r"no safetensors for vae, only pickles"):
        fetch(MODEL)
    assert hub.sent == []
    fetch(MODEL, parts=["unet"])


def test_a_repository_of_single_files_says_which_to_take(hub):
    hub.repositories["some/merge"] = {"merge-v7.safetensors": b"one file"}
    with pytest.raises(ModelUnavailable, match=r"give its path: merge-v7\.safetensors"):
        fetch("some/merge")


def test_a_model_that_lacks_a_component_is_not_whole(hub):
    for name in [name for name in hub.repositories[MODEL] if name.startswith("vae/")]:
        del hub.repositories[MODEL][name]
    with pytest.raises(ModelUnavailable, match=r"lacks vae/config\.json"):
        fetch(MODEL)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, r"does not fit on the disk.*Make room for .*HF_HOME"),
        (errno.EACCES, r"cannot be kept in .*HF_HOME"),
    ],
)
def test_a_disk_that_refuses(hub, monkeypatch, number, said):
    def refuse(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("huggingface_hub.file_download._chmod_and_move", refuse)
    with pytest.raises(ModelUnavailable, match=said) as refusal:
        fetch(MODEL)
    assert "\n" not in str(refusal.value)


def test_one_file(hub, monkeypatch):
    hub.repositories["artist/style"] = {"sub/style.safetensors": b"lora", "README.md": b"read"}
    file = fetch_file("artist/style", "sub/style.safetensors")
    assert file.read_bytes() == b"lora"
    assert fetch_file("artist/style") == file
    go_offline(monkeypatch)
    assert fetch_file("artist/style", "sub/style.safetensors") == file
    assert fetch_file("artist/style") == file
    with pytest.raises(ModelUnavailable, match=r"style/other\.safetensors is not on this machine"):
        fetch_file("artist/style", "other.safetensors")


def test_one_file_that_is_not_there_or_not_one(hub):
    hub.repositories["artist/two"] = {"a.safetensors": b"a", "b.safetensors": b"b"}
    hub.repositories["artist/none"] = {"README.md": b"read", "lora.pt": b"pickle"}
    with pytest.raises(ModelUnavailable, match=r"no file 'c\.safetensors'.*a\.safetensors, b"):
        fetch_file("artist/two", "c.safetensors")
    with pytest.raises(ModelUnavailable, match=r"2 \.safetensors files.*a\.safetensors"):
        fetch_file("artist/two")
    with pytest.raises(ModelUnavailable, match=r"no \.safetensors file"):
        fetch_file("artist/none")
    with pytest.raises(ModelUnavailable, match=r"no \.safetensors file"):
        fetch_file("artist/none", "lora.pt")


@pytest.mark.parametrize("name", ["stabilityai/sd-turbo", "a/b", "KBlueLeaf/kohaku-v2.1", "o_o/x"])
def test_hub_ids(name):
    assert looks_like_hub_id(name)


@pytest.mark.parametrize(
    "name",
    ["nano", "/abs/path", "./model", "../a/b", "a/b/c", "a/", "/b", "a b/c", "C:\\a/b", "a/b--c",
     "models/style.safetensors", "models/old.ckpt", "a/..", "a/b.git", "", "a/b\n", "ä/b"],
)  # fmt: skip
def test_no_hub_ids(name):
    assert not looks_like_hub_id(name)
    with pytest.raises(ModelUnavailable, match="OWNER/NAME"):
        fetch(name)


def test_without_huggingface_hub_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'streamcam\[torch\]'"):
        fetch(MODEL)


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, engines.hub\n"
        "assert not {'huggingface_hub', 'torch', 'numpy'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_as_a_process_through_the_environment(hub, tmp_path):
    """The real variables, the real cache folder; and nothing is told about this machine."""
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    code = f"from engines.hub import fetch\nprint(fetch({MODEL!r}))"
    command = [sys.executable, "-c", code]
    first = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert "Fetching" in first.stderr
    asked = len(hub.asked)
    assert not [path for path in hub.asked if "telemetry" in path or "agent" in path]
    again = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert (again.stdout, again.stderr, len(hub.asked)) == (first.stdout, "", asked)
    shutil.rmtree(tmp_path / "home")
    environment["HF_HUB_OFFLINE"] = "1"
    refused = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert refused.stderr.splitlines()[-1].startswith("engines.errors.ModelUnavailable: model ")
