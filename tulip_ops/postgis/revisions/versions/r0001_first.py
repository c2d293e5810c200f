"""The first tables, views and rights."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run("r0001_first")


def downgrade() -> None:
    refuse_downgrade()
