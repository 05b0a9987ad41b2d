"""Logs as JSON lines on stderr: ids and counts. Whatever could be a person's is dropped before it is written."""

import io
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

# A last fence: no caller logs these, and if one ever does, it does not get out.
_NEVER = frozenset({"text", "body", "number", "phone", "address", "name", "email", "recipient", "sender", "password"})


def _drop_personal(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in event.items() if key not in _NEVER}


class _Stderr(io.StringIO):
    """Whatever stderr is at the moment: a logger keeps its stream for good, and stderr may have been replaced since."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_up_logs(level: str, *, libraries: str | None = None) -> None:
    """`libraries`: the level of everybody else's lines, as ours where None."""
    stderr = _Stderr()
    logging.basicConfig(level=(libraries or level).upper(), stream=stderr, format="%(levelname)s %(name)s", force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports each look at the database's shape
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_personal,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stderr),
        cache_logger_on_first_use=False,
    )
