"""Processing units that were used."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run("r0003_units")


def downgrade() -> None:
    refuse_downgrade()
