"""A history that follows what changed, seasons with more to say, parcels, lineage."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run("r0005_history")


def downgrade() -> None:
    refuse_downgrade()
