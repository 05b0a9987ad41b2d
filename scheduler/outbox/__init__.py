"""The outbox at work: claim → send → record, pipelined per channel; receipts; and what to do when nobody knows."""

from scheduler.outbox.outbox import Outbox

__all__ = ["Outbox"]
