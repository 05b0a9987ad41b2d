"""How well danger is read: when and how a message was judged, a sample of the rest, phrases proposed for the lists."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sample",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("inbox_id", _ID, nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), nullable=False),
        sa.Column("judged_level", sa.Integer(), nullable=True),
        sa.Column("judged_route", sa.String(length=16), nullable=True),
        sa.Column("judged_by", _ID, nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("alert_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_sample_alert_id")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_sample_inbox_id")),
        sa.ForeignKeyConstraint(["judged_by"], ["staff.id"], name=op.f("fk_sample_judged_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_sample_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_sample_inbox_id")),
        sa.UniqueConstraint("site_id", "week", "place", name=op.f("uq_sample_site_id_week_place")),
    )
    op.create_index(op.f("ix_sample_alert_id"), "sample", ["alert_id"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("alert_id", _ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("phrase", sa.LargeBinary(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("pack", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", _ID, nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_proposal_alert_id")),
        sa.ForeignKeyConstraint(["proposed_by"], ["staff.id"], name=op.f("fk_proposal_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index(op.f("ix_proposal_alert_id"), "proposal", ["alert_id"], unique=False)
    op.add_column("assessment", sa.Column("judged_at", sa.BigInteger(), nullable=True))
    op.add_column("assessment", sa.Column("judged_how", sa.String(length=8), nullable=True))


def downgrade() -> None:
    op.drop_column("assessment", "judged_how")
    op.drop_column("assessment", "judged_at")
    op.drop_table("proposal")
    op.drop_table("sample")
