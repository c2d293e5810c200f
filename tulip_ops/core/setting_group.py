"""Base class of the groups of settings, and the mark of those that network steps read in pods."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_origin

from pydantic import AliasChoices, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tulip_ops.core.types import NETWORK_STEPS, NetworkStep

_JSON_FORMS: dict[object, tuple[type, str]] = {
    tuple: (list, 'list; write it as ["first", "second"]'),
    dict: (dict, 'object; write it as {"name": "value"}'),
}


class SettingGroup(BaseSettings):
    """Settings that are read together; each field names its environment variable as an alias.

    A field has the name of its variable without `TULIP_` and without the name of its group, plus a
    unit where the variable has none.
    """

    # `extra`: the file has variables of all groups. `enable_decoding`: pydantic-settings reports
    # broken JSON by a traceback that does not name the variable.
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, enable_decoding=False
    )

    def __init__(self, _env_file: Path | None = None, **values: Any) -> None:
        """Settings by the names of their fields; the others are read from the environment.

        _env_file: file with variables, for those that the environment has not. `TypeError` for a
        name that is no field.
        """
        fields = type(self).model_fields
        unknown = [name for name in values if name not in fields]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no setting {', '.join(unknown)}")
        # Only by its alias: pydantic-settings would read a variable for each other name as well.
        named = {variable_name(fields[name]): value for name, value in values.items()}
        super().__init__(_env_file=_env_file, **named)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The settings of the environment, and of a file with variables where that has none."""
        return cls(_env_file=file)

    @field_validator("*", mode="before")
    @classmethod
    def _parse_json(cls, value: object, info: ValidationInfo) -> object:
        """Values of lists and objects as variables hold them; others as they are.

        Messages do not quote the value, which may hold credentials.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        form = _JSON_FORMS.get(get_origin(annotation))
        if form is None or not isinstance(value, str):
            return value
        kind, description = form
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        if not isinstance(parsed, kind):
            raise PydanticCustomError("json", "no JSON {form}", {"form": description})
        return parsed


def variable_name(info: FieldInfo) -> str:
    """The environment variable of a field, the first if it has several."""
    alias = info.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a setting with the network steps that read it; `pods` passes it on to their pods.

    Secrets are never marked: pods get them from Kubernetes Secrets.
    """

    steps: tuple[NetworkStep, ...]


SCREEN, SEGMENT = ReadBy(("screen",)), ReadBy(("segment",))
BOTH = ReadBy(NETWORK_STEPS)
