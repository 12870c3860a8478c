"""Graph: what ComfyUI writes into a picture that it made, as it ran it.

    {"3": {"class_type": "KSampler", "inputs": {"positive": ["6", 0], "seed": 1, "denoise": 1.0}},
     "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a prompt", "clip": ["4", 1]}}}

An input is a value, or a link: the number of a node and which of its outputs. Nodes are told by
their inputs, since most of what is in use comes from extensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from engines.ranges import SEED
from streamcam.errors import UsageError
from streamcam.presets.foreign import USUAL, Foreign, Table
from streamcam.presets.foreign.words import adopted

_TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value")
_LEFT = {
    "steps": "here steps are 1 to 8, and the model is made for them.",
    "cfg": "models of a few steps want guidance near 1.",
    "ckpt_name": "to have this model, give --model FILE.",
    "unet_name": "to have this model, give --model FILE.",
    "control_net_name": "structure from another network is not in a preset.",
}

Node = dict[str, Any]


def read_graph(text: str) -> Foreign:
    """The look of a graph. Raises `UsageError` that says what is missing in it."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("ComfyUI's graph in it is no JSON.") from error
    nodes = _nodes(parsed)
    prompts = _prompts(nodes, "positive")
    if not prompts:
        raise UsageError("ComfyUI's graph in it has no prompt that leads to a sampler.")
    prompt, said = adopted(", ".join(prompts), plain=True)
    avoided, also_said = adopted(", ".join(_prompts(nodes, "negative")), plain=True)
    table: Table = {"prompt": prompt, **USUAL}
    if avoided:
        table["negative_prompt"] = avoided
    return Foreign(table | _kept(nodes), (*said, *also_said, *_left(nodes)))


def _nodes(parsed: object) -> dict[str, Node]:
    """The inputs of each node."""
    if not isinstance(parsed, dict):
        return {}
    return {
        str(number): node["inputs"]
        for number, node in parsed.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }


def _prompts(nodes: dict[str, Node], which: str) -> list[str]:
    """The texts behind the samplers' input of that name, or behind the guider's, each once."""
    begins = [inputs[which] for inputs in nodes.values() if which in inputs]
    if not begins and which == "positive":  # a guider without a negative prompt
        begins = [inputs["conditioning"] for inputs in nodes.values() if "conditioning" in inputs]
    found = (text for begin in begins for text in _texts(nodes, begin))
    return list(dict.fromkeys(text.strip() for text in found if text.strip()))


def _texts(nodes: dict[str, Node], link: object) -> Iterator[str]:
    """Up the links from one, what nodes hold as text. A node that has some is not passed."""
    waiting, seen = [link], set()
    while waiting:
        inputs = nodes.get(_target(waiting.pop()), {})
        if not inputs or id(inputs) in seen:
            continue
        seen.add(id(inputs))
        texts = [inputs[key] for key in _TEXTS if isinstance(inputs.get(key), str)]
        if texts:
            yield from texts
        else:
            links = [one for one in inputs.values() if _target(one)]
            waiting += reversed(links)


def _target(link: object) -> str:
    """The node that a link leads to; nothing for what is no link."""
    if isinstance(link, list) and len(link) == 2 and isinstance(link[0], str | int):
        return str(link[0])
    return ""


def _kept(nodes: dict[str, Node]) -> Table:
    table: Table = {}
    seeds = [
        inputs[key]
        for inputs in nodes.values()
        for key in ("seed", "noise_seed")
        if isinstance(inputs.get(key), int) and 0 <= inputs[key] <= SEED.most
    ]
    if seeds:
        table["seed"] = seeds[0]
    strengths = [inputs["denoise"] for inputs in nodes.values() if "denoise" in inputs]
    # Of several passes each has its own, and 1 is a picture that was made from no other.
    if len(strengths) == 1 and isinstance(strengths[0], float) and 0 < strengths[0] < 1:
        table["strength"] = strengths[0]
    return table


def _left(nodes: dict[str, Node]) -> list[str]:
    said = []
    for inputs in nodes.values():
        for key, why in _LEFT.items():
            if isinstance(inputs.get(key), str | int | float):
                said.append(f"{key} {inputs[key]}: {why}")
        name, scale = inputs.get("lora_name"), inputs.get("strength_model", 1.0)
        if isinstance(name, str) and isinstance(scale, int | float):
            said.append(f'{name}: to have this LoRA, add "{name}" = {scale} below [loras].')
    return list(dict.fromkeys(said))
