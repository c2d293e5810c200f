"""What quarantine means now that every kind of bad data leads there."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run("r0007_kinds")


def downgrade() -> None:
    refuse_downgrade()
