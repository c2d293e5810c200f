"""The history in one pass over the seasons."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run("r0010_one_pass")


def downgrade() -> None:
    refuse_downgrade()
