"""Recipe: one model for whatever is built of it, opened when that is first needed."""

import shutil
from dataclasses import replace

import pytest

from engines.api import EngineSpec
from engines.errors import ModelUnavailable
from engines.families import nano, tokenizer_files
from engines.model import EMBEDDED
from engines.recipe import Recipe

SPEC = EngineSpec(width=128, height=128, backend="openvino")


@pytest.fixture
def opened(monkeypatch):
    """The folders that were opened."""
    folders, real = [], nano.open_model

    def open_model(spec, folder):
        folders.append(folder)
        return real(spec, folder)

    monkeypatch.setattr(nano, "open_model", open_model)
    return folders


def test_a_recipe_opens_nothing_before_it_is_needed(opened):
    recipe = Recipe(EngineSpec(model="nowhere", backend="null"))
    assert [one.spec for one in recipe.at(256, 144).build_order()] == [recipe.at(256, 144).spec]
    assert recipe.ready_sizes([(128, 128)]) == []
    recipe.build().close()
    assert opened == []


def test_every_size_and_way_of_running_shares_a_model(opened):
    recipe = Recipe(SPEC)
    larger = recipe.at(256, 144)  # before the model is opened
    ways = [recipe, larger, larger.with_spec(replace(larger.spec, backend="torch", device="cpu"))]
    models = {id(one.model) for way in ways for one in (way, *way.build_order())}
    assert models == {id(recipe.model)}
    engine = larger.build()
    assert (engine.spec.width, engine.spec.height, engine.spec.backend) == (256, 144, "openvino")
    engine.close()
    assert opened == [EMBEDDED]


@pytest.mark.parametrize("other", [{"model": "else"}, {"steps": 2}, {"loras": (("a", 1.0),)}])
def test_another_model_is_another_recipe(other):
    with pytest.raises(AssertionError):
        Recipe(SPEC).with_spec(replace(SPEC, **other))


def test_a_model_that_could_not_be_opened_is_opened_again(opened, tmp_path):
    folder = shutil.copytree(EMBEDDED, tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(tmp_path / "away")
    recipe = Recipe(replace(SPEC, model=str(folder)))
    with pytest.raises(ModelUnavailable, match="diffusion_pytorch_model"):
        recipe.build_order()
    (tmp_path / "away").rename(weights)
    assert [one.spec for one in recipe.build_order()] == [recipe.spec]
    assert opened == [folder, folder]


def test_another_recipe_reads_what_is_there_by_then(tmp_path):
    """A preset that is chosen later gets the folder as it is then."""
    folder = shutil.copytree(EMBEDDED, tmp_path / "model")
    spec = replace(SPEC, model=str(folder))
    before = Recipe(spec).model
    config = folder / "text_encoder" / "config.json"
    config.write_text(
        config.read_text().replace('"max_position_embeddings": 77', '"max_position_embeddings": 40')
    )
    assert (before.tokens, Recipe(spec).model.tokens) == (77, 40)


def test_tokens_are_counted_without_a_model(opened, tmp_path):
    assert tokenizer_files(EngineSpec()) == nano.tokenizer_files(EMBEDDED)
    folder = shutil.copytree(EMBEDDED, tmp_path / "model")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    spec = EngineSpec(model=str(folder))
    assert tokenizer_files(spec) == (folder / "tokenizer" / "tokenizer.json",)
    (folder / "tokenizer" / "tokenizer.json").unlink()
    assert tokenizer_files(spec) == nano.tokenizer_files(EMBEDDED)
    assert opened == []
