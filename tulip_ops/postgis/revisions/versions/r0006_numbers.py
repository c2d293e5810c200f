"""Writers may number fields; the bloom layer shows how sure the history is."""

from tulip_ops.postgis.revisions import refuse_downgrade, run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run("r0006_numbers")


def downgrade() -> None:
    refuse_downgrade()
