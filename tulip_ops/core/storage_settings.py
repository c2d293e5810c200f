"""Where products, scenes and tables are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.setting_group import BOTH, SettingGroup


class StorageSettings(SettingGroup):
    """Folders and buckets of the products, the archive and the local stack."""

    state: Path = Field(
        default=Path(".tulip"),
        validation_alias="TULIP_STATE",
        description="Folder for everything that the local stack stores.",
    )
    store: Annotated[str | None, BOTH] = Field(
        default=None,
        validation_alias="TULIP_STORE",
        description="Folder or s3://bucket/prefix of the products; default: <state>/store.",
    )
    copies_gb: Annotated[float, BOTH] = Field(
        default=10.0,
        ge=0,
        validation_alias="TULIP_COPIES_GB",
        description="Gigabytes of local copies of an S3 store's products to keep in"
        " <state>/copies; copies used in the last hour are always kept.",
    )
    archive: str | None = Field(
        default=None,
        validation_alias="TULIP_ARCHIVE",
        description="Folder or s3://bucket/prefix with a static STAC catalog;"
        " default: <state>/archive.",
    )
    s3_endpoint: Annotated[str | None, BOTH] = Field(
        default=None,
        validation_alias="TULIP_S3_ENDPOINT",
        description="URL of an S3-compatible service; default: AWS.",
    )

    @property
    def store_place(self) -> str:
        return self.store or str(self.state / "store")

    @property
    def archive_place(self) -> str:
        return self.archive or str(self.state / "archive")


class DatabaseSettings(SettingGroup):
    """URLs of the database, one for each role."""

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias="TULIP_DATABASE_URL",
        description="PostgreSQL with PostGIS as postgresql://user:password@host:port/name;"
        " the steps need the rights of tulip_writer.",
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        validation_alias="TULIP_DATABASE_OWNER_URL",
        description="The same database as its owner, for migrations and roles;"
        " default: TULIP_DATABASE_URL.",
    )
    database_reader_url: SecretStr | None = Field(
        default=None,
        validation_alias="TULIP_DATABASE_READER_URL",
        description="The same database with the rights of tulip_reader, for queries.",
    )
    airflow_database_url: SecretStr | None = Field(
        default=None,
        validation_alias="TULIP_AIRFLOW_DATABASE_URL",
        description="PostgreSQL for the local Airflow's own tables; default: a private server.",
    )

    @classmethod
    def read(cls, file: Path) -> Self:
        """As `SettingGroup.read`.

        The URLs of the file belong to one database: beside a TULIP_DATABASE_URL of the environment,
        the file's URLs of owner and reader are ignored.
        """
        settings, environment = super().read(file), cls()
        if environment.database_url is None:
            return settings
        urls = ("database_owner_url", "database_reader_url")
        return settings.model_copy(update={name: getattr(environment, name) for name in urls})

    def writer_url(self) -> str:
        """The database for the steps; `BadSetting` if none is set."""
        if self.database_url is None:
            raise BadSetting(
                "no database is set: run `make demo`, or set TULIP_DATABASE_URL to"
                " postgresql://user:password@host:port/name"
            )
        return self.database_url.get_secret_value()

    def reader_url(self) -> str:
        """The database for queries; `BadSetting` if none is set."""
        if self.database_reader_url is None:
            return self.writer_url()
        return self.database_reader_url.get_secret_value()

    def owner_url(self) -> str:
        """The database for migrations; `BadSetting` if none is set."""
        if self.database_owner_url is None:
            return self.writer_url()
        return self.database_owner_url.get_secret_value()
