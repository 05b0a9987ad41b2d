"""Logs as JSON lines on stderr: ids and counts. Whatever could be a person's is dropped before it is written."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

# A last fence: no caller logs these, and if one ever does, it does not get out.
_NEVER = frozenset({"text", "body", "number", "phone", "address", "name", "email", "recipient", "sender", "password"})


def _drop_personal(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in event.items() if key not in _NEVER}


def set_up_logs(level: str) -> None:
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s", force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_personal,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
