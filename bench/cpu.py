"""What processes have cost so far, in seconds of processor: a measure that other work on the machine does not blur."""

import os
from collections.abc import Iterable
from pathlib import Path


def seconds(pids: Iterable[int]) -> float:
    """In user and system mode together. Linux only; 0 elsewhere."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def is_here(pid: int, name: str) -> bool:
    """Whether the process runs on this machine, and is what we take it for."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except OSError:
        return False


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
