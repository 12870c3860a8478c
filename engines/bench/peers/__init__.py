"""Peers: other programs that restyle frames, to compare speed with. One file each.

A peer file runs in an environment of its own, never in this program: `bench/peer_serve.py` loads
it there. It imports nothing of `engines` and has

- an inline script header (PEP 723) with its `dependencies`, pinned, and below `[tool.streamcam]`
  `without-dependencies`: what is installed as it is. "torch" there is the version that this
  program has.
- `open_peer(request: dict) -> tuple[Restyle, list[str]]`: loads the model onto the device and
  returns the function that restyles one frame (uint8 (H, W, 3) RGB, in and out, on the host), and
  what people should know about how it is run.

A request has
  model            folder in diffusers layout
  autoencoder      folder of the autoencoder to take with it
  width, height    of the frames, pixels
  t_index          S indices into the 50-entry LCM table, strongest first
  guidance_mode    "none", "self", "onetime", "full", as in engines/step/guidance.py
  guidance_scale, delta, seed
  device           in torch's words
  precision        "float32", "bfloat16", "float16"
  frames           .npy file, uint8 (N, H, W, 3)
  prompt, negative .npy files, float32 (T, D): the same embeddings as ours, so no text is encoded
"""

from __future__ import annotations

from pathlib import Path

from engines.errors import PeerUnavailable, quoted


def peer_names() -> list[str]:
    """The files of engines/bench/peers."""
    folder = Path(__file__).parent
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))


def peer_script(name: str) -> Path:
    """The file of a peer. Raises `PeerUnavailable` for one that there is not."""
    if name not in peer_names():
        raise PeerUnavailable(f"peer {quoted(name)} is unknown. Known: {', '.join(peer_names())}.")
    return Path(__file__).parent / f"{name}.py"
