"""A person's case: safe contact, plan, findings, referrals, tasks, moves between sites and staff, leaving, timeline.

Each step is one transaction: the change, its event in the person's case, and its audit record, or nothing. A step
against the rules raises `CaseError` with a sentence for the person who tried it.
"""

from cases.casework.leaving import leave, record_death
from cases.casework.moving import transfer
from cases.casework.plan import add_finding, add_goal, end_goal
from cases.casework.profile import add_note, change_facts, log_contact
from cases.casework.referrals import move, refer
from cases.casework.rules import CaseError
from cases.casework.tasks import add_task, assign, finish

__all__ = [
    "CaseError",
    "add_finding",
    "add_goal",
    "add_note",
    "add_task",
    "assign",
    "change_facts",
    "end_goal",
    "finish",
    "leave",
    "log_contact",
    "move",
    "record_death",
    "refer",
    "transfer",
]
