"""Lighter notes for the history, and seasons that were not seen well enough."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run("r0008_courses")


def downgrade() -> None:
    refuse_downgrade()
