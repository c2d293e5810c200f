"""All settings in their groups. Other modules get them as arguments, not from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.kubernetes_settings import KubernetesSettings
from tulip_ops.core.processing_settings import ExecutionSettings, FieldSettings, NetworkSettings
from tulip_ops.core.setting_group import ReadBy, SettingGroup, variable_name
from tulip_ops.core.source_settings import SentinelHubSettings, SourceSettings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import NetworkStep

LOCAL_ENV = "local.env"
"""Written by the local stack into the state folder, readable by its user only."""


class Settings(BaseModel):
    """The groups of settings. One that is not given is read from the environment.

    Variables win over `<state>/local.env`, which the local stack writes, and that over the
    defaults. Empty variables count as unset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage: StorageSettings = Field(default_factory=StorageSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    sources: SourceSettings = Field(default_factory=SourceSettings)
    sentinel_hub: SentinelHubSettings = Field(default_factory=SentinelHubSettings)
    networks: NetworkSettings = Field(default_factory=NetworkSettings)
    fields: FieldSettings = Field(default_factory=FieldSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    kubernetes: KubernetesSettings = Field(default_factory=KubernetesSettings)

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment and `<state>/local.env`.

        `BadSetting` names the first bad one.
        """
        file = Path(os.environ.get("TULIP_STATE") or ".tulip") / LOCAL_ENV
        try:
            return cls.model_validate({name: group.read(file) for name, group in _groups()})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise BadSetting(f"{first['loc'][0]}: {first['msg']}; see `tulip settings`") from None

    def value(self, variable: Variable) -> object:
        return getattr(getattr(self, variable.group), variable.field)

    def is_set(self, variable: Variable) -> bool:
        """False where the value is a default."""
        group: SettingGroup = getattr(self, variable.group)
        return variable.field in group.model_fields_set


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable and the setting that it gives."""

    name: str
    group: str
    field: str
    info: FieldInfo

    @property
    def steps(self) -> tuple[NetworkStep, ...]:
        """The network steps that read it, and get it where they run in pods."""
        marks = (mark for mark in self.info.metadata if isinstance(mark, ReadBy))
        return tuple(step for mark in marks for step in mark.steps)


def variables() -> tuple[Variable, ...]:
    """Every variable, by group, in the order of declaration."""
    return tuple(
        Variable(variable_name(info), name, field, info)
        for name, group in _groups()
        for field, info in group.model_fields.items()
    )


def read_by(step: NetworkStep) -> tuple[Variable, ...]:
    """The variables that a step reads where it runs in a pod, without secrets."""
    return tuple(variable for variable in variables() if step in variable.steps)


def inherited_environment() -> dict[str, str]:
    """The variables that programs started by this process inherit.

    Without those that configure another Airflow or another Python.
    """
    foreign = ("AIRFLOW", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _groups() -> Iterator[tuple[str, type[SettingGroup]]]:
    for name, info in Settings.model_fields.items():
        yield name, cast("type[SettingGroup]", info.annotation)
