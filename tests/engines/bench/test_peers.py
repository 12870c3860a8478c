"""Peers: their environments, the protocol with their processes, and the diffusers one for real."""

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from engines.bench.peer_environment import prepare, read_requirements
from engines.bench.peer_process import PeerProcess
from engines.bench.peers import peer_names, peer_script
from engines.bench.random_model import Architecture, random_model
from engines.errors import PeerUnavailable
from engines.model import EMBEDDED

FAKE = Path(__file__).with_name("fake_peer.py")
TINY = Architecture(
    unet={
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
        "cross_attention_dim": 16,
    },
    autoencoder={
        "encoder_block_out_channels": (8, 8, 8, 8),
        "decoder_block_out_channels": (8, 8, 8, 8),
        "num_encoder_blocks": (1, 1, 1, 1),
        "num_decoder_blocks": (1, 1, 1, 1),
    },
    text_encoder={
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 16,
        "vocab_size": 1594,
    },
)


def nothing(_line):
    pass


# -- what a peer is ------------------------------------------------------------------------------


def test_the_peers_are_the_files_of_the_folder():
    assert peer_names() == ["diffusers", "streamdiffusion"]
    with pytest.raises(PeerUnavailable, match=r"'stream' is unknown.*diffusers, streamdiffusion"):
        peer_script("stream")


@pytest.mark.parametrize("name", peer_names())
def test_every_peer_pins_what_it_needs_and_takes_our_torch(name):
    wanted = read_requirements(peer_script(name))
    ours = metadata.version("torch").split("+")[0]
    assert f"torch=={ours}" in wanted.packages
    assert any(one.startswith("diffusers==") for one in wanted.packages)
    assert wanted.alone == (("streamdiffusion==0.1.1",) if name == "streamdiffusion" else ())


def test_a_file_without_a_header_is_no_peer():
    with pytest.raises(PeerUnavailable, match="no '# /// script' header"):
        read_requirements(FAKE)


# -- its environment -----------------------------------------------------------------------------


class Pip:
    """Stands in for venv and pip: `fails` is the word in a command that makes it fail."""

    def __init__(self, fails=None, says=""):
        self.commands, self.fails, self.says = [], fails, says

    def __call__(self, command, log):
        self.commands.append(list(command))
        log.write_text(f"{log.read_text()}{self.says}\n")
        if self.fails in command:
            return 1
        if "venv" in command:
            folder = Path(command[-1])
            assert "--clear" in command
            shutil.rmtree(folder)
            for python in ("bin/python", "Scripts/python.exe"):
                (folder / python).parent.mkdir(parents=True)
                (folder / python).write_text("")
        return 0


SCRIPT = peer_script("streamdiffusion")


def test_an_environment_is_made_once_and_said_once(tmp_path):
    pip, said = Pip(), []
    python = prepare(SCRIPT, tmp_path, said.append, pip)
    assert python.is_file()
    assert python.is_relative_to(tmp_path / "streamdiffusion")
    venv, packages, alone = pip.commands
    assert venv[:3] == [sys.executable, "-m", "venv"]
    assert packages[:4] == alone[:4] == [str(python), "-m", "pip", "install"]
    assert "diffusers==0.24.0" in packages
    assert "--no-deps" not in packages
    assert alone[-2:] == ["--no-deps", "streamdiffusion==0.1.1"]
    assert len(said) == 1
    assert "diffusers==0.24.0" in said[0]
    assert prepare(SCRIPT, tmp_path, said.append, pip) == python
    assert (len(pip.commands), len(said)) == (3, 1)


@pytest.mark.parametrize("damage", ["unfinished", "other versions", "no python", "garbage"])
def test_an_environment_that_is_not_whole_is_made_again(tmp_path, damage):
    python = prepare(SCRIPT, tmp_path, nothing, Pip())
    ready = tmp_path / "streamdiffusion" / "ready.json"
    if damage == "unfinished":
        ready.unlink()
    elif damage == "other versions":
        ready.write_text(ready.read_text().replace("0.24.0", "0.25.0"))
    elif damage == "no python":
        python.unlink()
    else:
        ready.write_bytes(b"\xff\x00")
    pip = Pip()
    assert prepare(SCRIPT, tmp_path, nothing, pip) == python
    assert len(pip.commands) == 3
    assert json.loads(ready.read_text())["alone"] == ["streamdiffusion==0.1.1"]


@pytest.mark.parametrize(
    ("fails", "says", "told"),
    [
        ("venv", "ensurepip is not available", "venv failed: ensurepip is not.*python3-venv"),
        ("diffusers==0.24.0", "ERROR: no network\ndone", "pip.*ERROR: no network.*package index"),
        ("--no-deps", "", "it says nothing"),
    ],
)
def test_a_failed_installation_is_one_line_and_leaves_nothing_ready(tmp_path, fails, says, told):
    with pytest.raises(PeerUnavailable, match=told) as raised:
        prepare(SCRIPT, tmp_path, nothing, Pip(fails, says))
    assert "\n" not in str(raised.value)
    assert "streamdiffusion.install.log" in str(raised.value)
    pip = Pip()
    prepare(SCRIPT, tmp_path, nothing, pip)
    assert len(pip.commands) == 3


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(PeerUnavailable, match=r"cannot be written to .*cache"):
        prepare(SCRIPT, tmp_path / "cache", nothing, Pip())


# -- its process ---------------------------------------------------------------------------------


def request(folder, **more):
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 3), np.uint8)
    np.save(folder / "frames.npy", frames)
    return {"frames": str(folder / "frames.npy"), **more}


@pytest.fixture
def fake(tmp_path):
    opened = []

    def start(script=FAKE, **more):
        asked = request(tmp_path, **more)
        opened.append(PeerProcess(Path(sys.executable), script, asked, tmp_path))
        return opened[-1]

    yield start
    for peer in opened:
        peer.close()


def test_a_peer_restyles_frames_and_times_each(tmp_path, fake):
    peer = fake()
    assert peer.notes == ["a note"]
    assert peer.versions["numpy"] == np.__version__
    times = peer.run(5)
    assert len(times) == 5
    assert all(0 < time < 5000 for time in times)
    frames = np.load(tmp_path / "frames.npy")
    np.testing.assert_array_equal(peer.picture(), 255 - frames[4 % 3])
    peer.close()
    peer.close()


def test_a_peer_named_like_a_package_does_not_hide_it(tmp_path, fake):
    script = tmp_path / "numpy.py"
    shutil.copy(FAKE, script)
    peer = fake(script)
    assert len(peer.run(1)) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("refuses", "fake_peer: ValueError: no such model$"),
        ("floats", r"its picture is float32 \(64, 96, 3\)"),
    ],
)
def test_a_peer_that_cannot_start_says_why_in_one_line(fake, fault, told):
    with pytest.raises(PeerUnavailable, match=told):
        fake(fault=fault)


def test_a_peer_that_dies_is_told_with_its_last_words(fake):
    peer = fake(fault="dies")
    with pytest.raises(PeerUnavailable, match=r"died\. Its last words: out of memory"):
        peer.run(10)


def test_an_environment_that_cannot_start_is_told(tmp_path, fake):
    script = tmp_path / "broken.py"
    script.write_text("import no_such_package\n")
    with pytest.raises(PeerUnavailable, match="last words: ModuleNotFoundError: No module named"):
        fake(script)


# -- random models, and the peers themselves -----------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return random_model("tiny", TINY, tmp_path_factory.mktemp("models"), nothing)


def test_a_random_model_is_written_once_and_whole(tiny):
    said = []
    assert random_model("tiny", TINY, tiny.parent, said.append) == tiny
    assert not said
    assert [one.name for one in tiny.parent.iterdir()] == ["tiny"]
    index = json.loads((tiny / "model_index.json").read_text())
    parts = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    assert all((tiny / part).is_dir() for part in parts)
    assert len(parts) == 5


def test_a_random_model_that_cannot_be_finished_leaves_nothing(tmp_path):
    broken = Architecture(unet={"block_out_channels": ()}, autoencoder={}, text_encoder={})
    with pytest.raises(ValueError, match="block_out_channels"):
        random_model("broken", broken, tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []


def peer_request(folder, model, **more):
    width = json.loads((model / "unet" / "config.json").read_text())["cross_attention_dim"]
    for name in ("prompt", "negative"):
        np.save(folder / f"{name}.npy", np.zeros((77, width), np.float32))
    return request(
        folder,
        model=str(model),
        autoencoder=str(model / "vae"),
        width=96,
        height=64,
        t_index=[20, 30, 45],
        guidance_scale=1.4,
        delta=1.0,
        seed=2,
        device="cpu",
        precision="float32",
        prompt=str(folder / "prompt.npy"),
        negative=str(folder / "negative.npy"),
        **more,
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["self", "full"])
def test_diffusers_runs_as_many_steps_as_we_do(tmp_path, tiny, mode):
    asked = peer_request(tmp_path, tiny, guidance_mode=mode)
    peer = PeerProcess(Path(sys.executable), peer_script("diffusers"), asked, tmp_path)
    assert len(peer.run(2)) == 2
    assert peer.picture().shape == (64, 96, 3)
    assert peer.picture().std() > 0
    assert any("'self'" in note for note in peer.notes) == (mode == "self")
    peer.close()


@pytest.mark.slow
def test_diffusers_runs_the_embedded_model(tmp_path):
    asked = peer_request(tmp_path, EMBEDDED, guidance_mode="none")
    peer = PeerProcess(Path(sys.executable), peer_script("diffusers"), asked, tmp_path)
    assert len(peer.run(1)) == 1
    assert peer.picture().std() > 0
    assert any("detail path" in note for note in peer.notes)
    peer.close()
