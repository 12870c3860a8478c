"""Words: the prompt of another program, as one is written here.

A LoRA or an embedding in a prompt names a file of that program: it is taken out, and said. What
reads alike in both stays, and what would be drawn as words that nobody meant is refused where
prompts are read (engines/prompts/syntax/foreign.py).
"""

from __future__ import annotations

import re

_LORA = re.compile(r"<(?:lora|lyco|locon):([^<>:,]*)(?::(-?[\d.]+))?[^<>]*>", re.IGNORECASE)
_NETWORK = re.compile(r"<(?:hypernet|hypernetwork|embed|embedding|ti):[^<>]*>", re.IGNORECASE)
_EMBEDDING = re.compile(r"(?<!\w)embedding:[^\s,:()\[\]|<>\\]+", re.IGNORECASE)
_PLACE = re.compile(r"\{prompt\}", re.IGNORECASE)  # of one's own words, in a style
_COMMAS = re.compile(r"\s*,(?:\s*,)+")
_EMPTY = re.compile(r"\(\s*(?::\s*[\d.]+\s*)?\)")
_SPACES = re.compile(r"[ \t]*\n\s*|[ \t]{2,}")
# Here a bracket weakens, and a bar with spaces around it blends; in ComfyUI both are characters.
_PLAIN = re.compile(r"(?<!\\)[\[\]]|(?<!\S)\|(?!\S)|::")


def adopted(text: str, *, plain: bool = False) -> tuple[str, list[str]]:
    """The prompt, and what was taken out of it.

    plain  it is ComfyUI's, where square brackets and bars are characters as any other
    """
    said: list[str] = []

    def lora(found: re.Match[str]) -> str:
        name, scale = found[1].strip(), found[2] or "1.0"
        file = name if name.lower().endswith(".safetensors") else f"{name}.safetensors"
        said.append(f'{found[0]}: to have this LoRA, add "{file}" = {scale} below [loras].')
        return ""

    def embedding(found: re.Match[str]) -> str:
        said.append(f"{found[0]}: embeddings and hypernetworks cannot be loaded here.")
        return ""

    text = _LORA.sub(lora, text)
    text = _EMBEDDING.sub(embedding, _NETWORK.sub(embedding, text))
    if plain:
        text = _PLAIN.sub(lambda found: "".join(f"\\{one}" for one in found[0]), text)
    return tidy(_PLACE.sub("", text)), said


def tidy(text: str) -> str:
    """In one line, without the commas and brackets that nothing stands between any more."""
    text = _SPACES.sub(" ", _EMPTY.sub("", text.replace("\r", "")))
    return _COMMAS.sub(",", text).strip(" ,\n")
