"""Settings: what a server is to do, from flags or a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from streamcam.config import check_engine_size, parse_size, read_toml
from streamcam.config.validation import validate
from streamcam.remote.address import DEFAULT_PORT

Count = Annotated[int, Field(ge=1, le=10_000)]


class Settings(BaseModel):
    """One server. `replicas` and the keys below matter to Ray alone.

    preset     a name or a file: its model, steps and guidance; looks come with the laptops' frames
    size       of the frames, "448x256"; "" takes the preset's, else that
    listen     the address to listen on; more than this machine needs a name of its network
    seats      sessions of a replica at most; how many are let in is measured when it starts
    replicas   at least; with more as `most_replicas`, as many as `sessions_per_replica` wants
    gpus, cpus of the machine that one replica takes
    ray        "" starts Ray here and ends it; "auto" or an address joins a cluster that runs
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = "anime"
    size: Annotated[str, Field(max_length=20)] = ""
    model: str = ""
    backend: str = ""
    device: str = ""
    listen: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = DEFAULT_PORT
    seats: Annotated[int, Field(ge=1, le=64)] = 8
    replicas: Count = 1
    most_replicas: Count | None = None
    sessions_per_replica: Annotated[float, Field(gt=0, le=64)] = 4.0
    gpus: Annotated[float, Field(ge=0, le=16)] = 0.0
    cpus: Annotated[float, Field(ge=0, le=1024)] = 1.0
    ray: str = ""
    where: Literal["head", "every node"] = "head"
    token: SecretStr = SecretStr("")

    @field_validator("size")
    @classmethod
    def _size(cls, text: str) -> str:
        if text:
            check_engine_size(parse_size(text))
        return text


def read_settings(path: Path) -> Settings:
    """Raises `UsageError` with file, key, value and what is allowed."""
    return validate(Settings, read_toml(path), path)
