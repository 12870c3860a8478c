"""Training, end to end: a few steps from pictures to a model folder that the engine runs."""

import json

import cv2
import numpy as np
import pytest
import torch

from engines.api import EngineSpec, Params
from engines.build import build
from engines.nano.autoencoder import PATTERN_PERIOD, PATTERNS, paper
from engines.nano.training import (
    dataset,
    model_folder,
    tokenizer,
    train_autoencoder,
    train_denoiser,
)
from engines.nano.training.architecture import device
from engines.nano.training.looks.styles import STYLES, drawn
from engines.nano.training.looks.tones import TONES, toned
from engines.nano.training.looks.words import LOOKS
from engines.nano.training.looks.words import TONES as TONE_WORDS
from engines.nano.training.pictures import Source
from engines.nano.training.training_run import Plan
from engines.nano.training.webcam import compressed, filmed

ROWS, SEED = 3, 5
PLAN = Plan(steps=4, size=2, crop=64, every=2)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A package of wallpapers and one of cut-outs, as Debian lays them out."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(SEED)
    for name, channels in (("paper", 3), ("stamp", 4)):
        folder = root / name
        folder.mkdir()
        small = generator.integers(0, 255, (20, 24, channels), np.uint8)
        picture = cv2.resize(small, (640, 520), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return (
        Source("paper", root / "paper", "none"),
        Source("stamp", root / "stamp", "none", "cutouts"),
    )


@pytest.fixture(scope="module")
def data(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("training") / "data"
    dataset.make(folder, ROWS, SEED, 1, lambda _: None, sources)
    return dataset.DataSet(folder, device())


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A model folder after PLAN, and the folder that it was trained in."""
    work = tmp_path_factory.mktemp("work")
    words = tokenizer.make(work / "model" / "tokenizer" / "tokenizer.json", SEED)
    learnt = train_autoencoder.train(data, work / "autoencoder", PLAN)
    autoencoder, denoiser = train_denoiser.train(data, learnt, words, work / "denoiser", PLAN)
    model_folder.write(work / "model", autoencoder, denoiser)
    return work


# -- pictures and drawings -----------------------------------------------------------------------


def test_every_style_and_tone_has_words_and_the_other_way_round():
    assert set(LOOKS) == set(STYLES)
    assert set(TONE_WORDS) == set(TONES)


@pytest.mark.parametrize("style", STYLES)
def test_a_style_draws_the_same_wherever_the_picture_lies_on_the_paper(style):
    """A drawing depends on a pixel's surroundings and its place in the pattern's period alone."""
    generator = np.random.default_rng(SEED)
    small = generator.random((24, 24, 3), np.float32)
    photo = np.clip(cv2.resize(small, (288, 288), interpolation=cv2.INTER_CUBIC), 0, 1)
    whole = drawn(style, photo)
    part = drawn(style, np.ascontiguousarray(photo[PATTERN_PERIOD:, 2 * PATTERN_PERIOD :]))
    inner = slice(80, -80)
    same = whole[PATTERN_PERIOD:, 2 * PATTERN_PERIOD :][inner, inner]
    assert np.abs(same - part[inner, inner]).max() < 0.02
    assert whole.dtype == np.float32
    assert 0.0 <= whole.min() <= whole.max() <= 1.0
    if style != "photo":
        assert np.abs(whole - photo).mean() > 0.02


@pytest.mark.parametrize("tone", TONES)
def test_a_tone_changes_a_picture_and_stays_in_range(tone):
    photo = torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(SEED))
    found = toned(tone, photo)
    assert 0.0 <= found.min() <= found.max() <= 1.0
    assert (found - photo).abs().mean() > 0.02


@pytest.mark.parametrize("quality", [30, 50, 85])
def test_jpeg_is_that_of_a_library(quality):
    """Beside OpenCV's: the same blocks and the same loss, but for rounding and upsampling."""
    generator = np.random.default_rng(SEED)
    small = generator.integers(0, 255, (8, 8, 3), np.uint8)
    photo = cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC)
    _, coded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    expected = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1] / 255.0
    picture = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255.0
    found = compressed(picture, torch.full((1, 1, 1, 1), float(quality)))[0].permute(1, 2, 0)
    lost = np.abs(photo / 255.0 - expected).mean()
    assert np.abs(found.numpy() - expected).mean() < 0.4 * lost


def test_a_camera_spoils_some_pictures_and_spares_others():
    torch.manual_seed(SEED)
    photo = torch.rand(1, 3, 32, 32).repeat(200, 1, 1, 1)
    change = (filmed(photo) - photo).abs().mean((1, 2, 3))
    assert 0.1 < float((change < 1e-6).float().mean()) < 0.4
    assert 0.02 < float(change.max()) < 0.3


def test_the_paper_repeats_after_its_period():
    sheet = paper(3 * PATTERN_PERIOD, 2 * PATTERN_PERIOD)
    assert sheet.shape == (PATTERNS, 3 * PATTERN_PERIOD, 2 * PATTERN_PERIOD)
    assert sheet.abs().max() <= 1.0
    torch.testing.assert_close(
        sheet[:, :PATTERN_PERIOD], sheet[:, PATTERN_PERIOD : 2 * PATTERN_PERIOD], atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        sheet[..., :PATTERN_PERIOD], sheet[..., PATTERN_PERIOD:], atol=1e-4, rtol=0
    )


def test_a_data_set_is_made_again_alike_and_goes_on_where_it_stopped(data, sources, tmp_path):
    heard = []
    dataset.make(tmp_path, ROWS, SEED, 1, lambda _: None, sources)
    done = np.load(tmp_path / "done.npy", mmap_mode="r+")
    done[1] = 0
    done.flush()
    dataset.make(tmp_path, ROWS, SEED, 1, heard.append, sources)
    assert heard == [ROWS - 1, ROWS]
    again = dataset.DataSet(tmp_path, device())
    for style in STYLES:
        np.testing.assert_array_equal(again.drawings[style], data.drawings[style])


def test_a_data_set_that_is_not_there_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m engines\.nano\.training data"):
        dataset.DataSet(tmp_path, device())


def test_missing_pictures_name_the_packages(tmp_path):
    nothing = (Source("some-wallpapers", tmp_path, "none"),)
    with pytest.raises(FileNotFoundError, match=r"apt-get install .* some-wallpapers"):
        dataset.make(tmp_path / "data", 1, SEED, 1, lambda _: None, nothing)


# -- training ------------------------------------------------------------------------------------


def test_a_few_steps_lead_to_a_model_that_the_engine_runs(trained):
    spec = EngineSpec(model=str(trained / "model"), width=128, height=128, backend="torch")
    engine = build(spec)
    try:
        frame = np.random.default_rng(1).integers(0, 255, (128, 128, 3), np.uint8)
        shown = engine.run(
            frame, Params(prompt=engine.encode("anime style"), negative=engine.encode(""))
        )
    finally:
        engine.close()
    assert shown.shape == frame.shape
    assert shown.dtype == np.uint8


def test_training_keeps_its_losses_and_draws_them(trained):
    for phase in ("autoencoder", "denoiser"):
        losses = json.loads((trained / phase / "losses.json").read_text())
        assert len(losses) == PLAN.steps
        plot = cv2.imread(str(trained / phase / "loss.png"))
        assert plot is not None
        assert plot.min() < 100


def test_an_interrupted_training_is_the_same_training(data, trained, tmp_path, monkeypatch):
    """Stopped between two checkpoints and begun again, it learns the same."""
    learn = train_autoencoder.loss

    def interrupted(network, codes, data, plan, step):
        if step == PLAN.every + 1:
            raise InterruptedError
        return learn(network, codes, data, plan, step)

    folder = tmp_path / "autoencoder"
    with monkeypatch.context() as patch:
        patch.setattr(train_autoencoder, "loss", interrupted)
        with pytest.raises(InterruptedError):
            train_autoencoder.train(data, folder, PLAN)
    assert len(json.loads((folder / "losses.json").read_text())) == PLAN.every
    train_autoencoder.train(data, folder, PLAN)
    whole = json.loads((trained / "autoencoder" / "losses.json").read_text())
    assert json.loads((folder / "losses.json").read_text()) == pytest.approx(whole, rel=1e-4)


def test_a_checkpoint_of_another_plan_is_refused(data, trained):
    with pytest.raises(ValueError, match="is of a training of 4 steps, not 6"):
        train_autoencoder.train(data, trained / "autoencoder", Plan(steps=6, size=2, crop=64))


def test_the_tokenizer_is_the_same_every_time(tmp_path):
    made = [tokenizer.make(tmp_path / str(i) / "tokenizer.json", SEED) for i in range(2)]
    assert made[0].to_str() == made[1].to_str()
    assert len(tokenizer.ids(made[0], "watercolor, " * 90)) == tokenizer.TOKENS
