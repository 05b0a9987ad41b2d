"""What only time shows: each person's past, and the day they left, from which contacts after it are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("beneficiary", sa.Column("exited_on", sa.Date(), nullable=True))
    op.add_column("beneficiary", sa.Column("history", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("beneficiary", "history")
    op.drop_column("beneficiary", "exited_on")
