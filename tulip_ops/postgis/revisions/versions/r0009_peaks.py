"""Peaks that neighbours help to date."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run("r0009_peaks")


def downgrade() -> None:
    refuse_downgrade()
