"""Reading: the weights of a model folder, by torch's libraries but without their messages.

Only the torch backend and the export use this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffusers.utils import logging as diffusers_log
from safetensors import SafetensorError
from transformers.utils import logging as transformers_log

from engines.errors import ModelUnavailable
from engines.model import remedy


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While a part of the model in `folder` is read.

    Progress bars and notes stay away from stderr, where they would tear a status line. Damaged
    or unfitting weights raise `ModelUnavailable`.
    """
    levels = diffusers_log.get_verbosity(), transformers_log.get_verbosity()
    bars = transformers_log.is_progress_bar_enabled()
    diffusers_log.set_verbosity_error()
    transformers_log.set_verbosity_error()
    transformers_log.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(
            f"model {folder}: its weights cannot be read, damaged or not whole. {remedy(folder)}"
        ) from error
    finally:
        diffusers_log.set_verbosity(levels[0])
        transformers_log.set_verbosity(levels[1])
        if bars:
            transformers_log.enable_progress_bar()


def variant_of(folder: Path) -> str | None:
    """What diffusers and transformers call the weights of a part that come as float16 alone."""
    return "fp16" if any(folder.glob("*.fp16.safetensors")) else None
