"""Case work: holidays, shifts and leave, drills, services and referrals, goals and findings, the hand-over sheet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "service",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("site_ids", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("eligibility", sa.String(length=400), server_default="", nullable=False),
        sa.Column("hours", sa.String(length=200), server_default="", nullable=False),
        sa.Column("address", sa.String(length=200), server_default="", nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("agreement", sa.String(length=64), server_default="", nullable=False),
        sa.Column("is_women_friendly", sa.Boolean(), nullable=False),
        sa.Column("is_child_friendly", sa.Boolean(), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service")),
        sa.UniqueConstraint("code", name=op.f("uq_service_code")),
    )
    op.create_table(
        "handover",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("from_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("read_by", _ID, nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["from_id"], ["staff.id"], name=op.f("fk_handover_from_id")),
        sa.ForeignKeyConstraint(["read_by"], ["staff.id"], name=op.f("fk_handover_read_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_handover_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    op.create_index(op.f("ix_handover_site_id"), "handover", ["site_id"], unique=False)
    op.create_table(
        "leave",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("staff_id", _ID, nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", _ID, nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_leave_created_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_leave_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave")),
    )
    op.create_index(op.f("ix_leave_staff_id"), "leave", ["staff_id"], unique=False)
    op.create_table(
        "drill",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("channel_id", _ID, nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_drill_channel_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_drill_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill")),
        sa.UniqueConstraint("site_id", "channel_id", name=op.f("uq_drill_site_id_channel_id")),
    )
    op.create_table(
        "case_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("beneficiary_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("staff_id", _ID, nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_case_event_beneficiary_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_case_event_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    op.create_index(op.f("ix_case_event_beneficiary_id"), "case_event", ["beneficiary_id"], unique=False)
    op.create_table(
        "finding",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("beneficiary_id", _ID, nullable=False),
        sa.Column("domain", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", _ID, nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_finding_beneficiary_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_finding_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_beneficiary_id"), "finding", ["beneficiary_id"], unique=False)
    op.create_table(
        "goal",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("beneficiary_id", _ID, nullable=False),
        sa.Column("domain", sa.String(length=16), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("set_by", _ID, nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_goal_beneficiary_id")),
        sa.ForeignKeyConstraint(["set_by"], ["staff.id"], name=op.f("fk_goal_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal")),
    )
    op.create_index(op.f("ix_goal_beneficiary_id"), "goal", ["beneficiary_id"], unique=False)
    op.create_table(
        "drill_run",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("drill_id", _ID, nullable=False),
        sa.Column("alert_id", _ID, nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("target_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", _ID, nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_drill_run_alert_id")),
        sa.ForeignKeyConstraint(["drill_id"], ["drill.id"], name=op.f("fk_drill_run_drill_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["staff.id"], name=op.f("fk_drill_run_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill_run")),
    )
    op.create_index(op.f("ix_drill_run_alert_id"), "drill_run", ["alert_id"], unique=False)
    op.create_index(op.f("ix_drill_run_drill_id"), "drill_run", ["drill_id"], unique=False)
    op.create_index(
        "ix_drill_run_running",
        "drill_run",
        ["target_at"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "referral",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("beneficiary_id", _ID, nullable=False),
        sa.Column("alert_id", _ID, nullable=True),
        sa.Column("service_id", _ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("consent", sa.String(length=16), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", _ID, nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_by", _ID, nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_referral_alert_id")),
        sa.ForeignKeyConstraint(["beneficiary_id"], ["beneficiary.id"], name=op.f("fk_referral_beneficiary_id")),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_referral_made_by")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_referral_service_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["staff.id"], name=op.f("fk_referral_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral")),
    )
    op.create_index(op.f("ix_referral_alert_id"), "referral", ["alert_id"], unique=False)
    op.create_index(op.f("ix_referral_beneficiary_id"), "referral", ["beneficiary_id"], unique=False)
    op.add_column("alert", sa.Column("about_id", _ID, nullable=True))
    op.add_column("alert", sa.Column("is_silent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("alert", sa.Column("is_drill", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("alert", sa.Column("asked_outcome", sa.String(length=32), nullable=True))
    op.add_column("alert", sa.Column("asked_by", _ID, nullable=True))
    op.add_column("alert", sa.Column("asked_at", sa.BigInteger(), nullable=True))
    op.add_column("contact", sa.Column("unverified_since", sa.BigInteger(), nullable=True))
    op.add_column("contact", sa.Column("drill_site_id", _ID, nullable=True))
    op.add_column("follow_up", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("follow_up", sa.Column("result", sa.String(length=32), nullable=True))
    op.add_column("rota", sa.Column("weekdays", sa.JSON(), nullable=True))
    op.add_column("rota", sa.Column("from_minute", sa.Integer(), nullable=True))
    op.add_column("rota", sa.Column("until_minute", sa.Integer(), nullable=True))
    op.add_column("site", sa.Column("holidays", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("site", sa.Column("paces", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("site", sa.Column("fallback_id", _ID, nullable=True))
    op.add_column("staff", sa.Column("most_alerts", sa.Integer(), nullable=True))
    op.create_index(
        "ix_inbox_staff",
        "inbox",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("state = 'staff'"),
        postgresql_where=sa.text("state = 'staff'"),
    )


def downgrade() -> None:
    op.drop_index("ix_inbox_staff", table_name="inbox")
    op.drop_column("staff", "most_alerts")
    op.drop_column("site", "fallback_id")
    op.drop_column("site", "paces")
    op.drop_column("site", "holidays")
    op.drop_column("rota", "until_minute")
    op.drop_column("rota", "from_minute")
    op.drop_column("rota", "weekdays")
    op.drop_column("follow_up", "result")
    op.drop_column("follow_up", "attempts")
    op.drop_column("contact", "drill_site_id")
    op.drop_column("contact", "unverified_since")
    op.drop_column("alert", "asked_at")
    op.drop_column("alert", "asked_by")
    op.drop_column("alert", "asked_outcome")
    op.drop_column("alert", "is_drill")
    op.drop_column("alert", "is_silent")
    op.drop_column("alert", "about_id")
    op.drop_table("referral")
    op.drop_table("drill_run")
    op.drop_table("goal")
    op.drop_table("finding")
    op.drop_table("case_event")
    op.drop_table("drill")
    op.drop_table("leave")
    op.drop_table("handover")
    op.drop_table("service")
