"""Fields drawn from the evidence of a season."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run("r0011_evidence")


def downgrade() -> None:
    refuse_downgrade()
