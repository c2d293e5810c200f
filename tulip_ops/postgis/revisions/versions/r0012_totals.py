"""Totals by area that agree, doubtful fields, and older states that can be asked for."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run("r0012_totals")


def downgrade() -> None:
    refuse_downgrade()
