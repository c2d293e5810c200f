"""Sources per area, what newer processings supersede, overpasses, alerts."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run("r0002_sources")


def downgrade() -> None:
    refuse_downgrade()
