"""Base class of the groups of settings, and the mark of those that network steps read in pods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic_settings import BaseSettings, SettingsConfigDict

from tulip_ops.core.types import NETWORK_STEPS, NetworkStep


class SettingGroup(BaseSettings):
    """Settings that are read together; each field names its environment variable as an alias.

    A field has the name of its variable without `TULIP_`, plus a unit where the variable has none.
    """

    # Beside the alias, pydantic-settings reads a variable named like the field. The prefix keeps
    # that from being THREADS or STORE; TULIP_MINIMUM_AREA_M2 is read, after TULIP_MINIMUM_AREA.
    model_config = SettingsConfigDict(
        env_prefix="TULIP_",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        frozen=True,
    )

    @classmethod
    def read(cls, file: Path) -> Self:
        """The settings of the environment, and of a file with variables where that has none."""
        return cls(_env_file=file)  # type: ignore[call-arg]  # pydantic-settings' own keyword


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a setting with the network steps that read it; `pods` passes it on to their pods.

    Secrets are never marked: pods get them from Kubernetes Secrets.
    """

    steps: tuple[NetworkStep, ...]


SCREEN, SEGMENT = ReadBy(("screen",)), ReadBy(("segment",))
BOTH = ReadBy(NETWORK_STEPS)
