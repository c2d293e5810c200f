"""What detections say of their border, views that open as map layers, vector tiles."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run("r0004_maps")


def downgrade() -> None:
    refuse_downgrade()
