"""The gateways' way in: verify → store → 200, and never a 200 for what was not stored."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from channels.base import (
    Channel,
    ForgedRequestError,
    IncomingMessage,
    MalformedRequestError,
    Receipt,
    Request,
)

log = structlog.get_logger()

MAX_BODY = 64 * 1024
RETRY_AFTER = "5"  # seconds

Resolve = Callable[[str], tuple[int, Channel] | None]
Intake = Callable[[int, IncomingMessage, datetime], Awaitable[Any]]
Receive = Callable[[int, Receipt], Awaitable[Any]]
Step = Callable[[int, Channel, Request], Awaitable[None]]


class Webhooks:
    """`is_unavailable(error)`: the database is away, so that the gateway should try again; anything else is a 500."""

    def __init__(
        self,
        resolve: Resolve,
        intake: Intake,
        receive: Receive,
        *,
        public_url: str,
        clock: Callable[[], datetime],
        is_unavailable: Callable[[BaseException], bool],
    ) -> None:
        self._resolve = resolve
        self._intake = intake
        self._receive = receive
        self._clock = clock
        self._is_unavailable = is_unavailable
        self._public_url = public_url.rstrip("/")
        prefix = urlsplit(self._public_url).path
        # Some proxies hand the path prefix through, others strip it: what was signed holds it once.
        self._prefix = f"{prefix}/channels/" if prefix else None
        self._origin = self._public_url[: len(self._public_url) - len(prefix)] if prefix else self._public_url

    async def inbound(self, request: web.Request) -> web.Response:
        return await self._answer(request, "inbound", self._take_in)

    async def call(self, request: web.Request) -> web.Response:
        return await self._answer(request, "call", self._take_call)

    async def status(self, request: web.Request) -> web.Response:
        return await self._answer(request, "status", self._take_receipt)

    async def _take_in(self, channel_id: int, channel: Channel, request: Request) -> None:
        await self._intake(channel_id, channel.read_inbound(request), self._clock())

    async def _take_call(self, channel_id: int, channel: Channel, request: Request) -> None:
        call = channel.read_call(request)
        if call is not None:
            await self._intake(channel_id, call, self._clock())

    async def _take_receipt(self, channel_id: int, channel: Channel, request: Request) -> None:
        receipt = channel.read_status(request)
        if receipt is not None:
            await self._receive(channel_id, receipt)

    async def _answer(self, request: web.Request, kind: str, step: Step) -> web.Response:
        name = request.match_info["channel"]
        found = self._resolve(name)
        if found is None:
            # The name is a stranger's text: it could hold a number, so it is not logged.
            return _refuse(404, "?", kind, "unknown channel")
        channel_id, channel = found
        body = await _body(request)
        if body is None:
            return _refuse(413, name, kind, "too large")
        try:
            await step(channel_id, channel, self._request(request, body))
        except Exception as error:  # noqa: BLE001  whatever it is, the gateway must not be told 200
            return self._refuse(name, kind, error)
        text, content_type = channel.hang_up() if kind == "call" else channel.acknowledge()
        return web.Response(text=text, content_type=content_type)

    def _refuse(self, name: str, kind: str, error: Exception) -> web.Response:
        if isinstance(error, ForgedRequestError):
            return _refuse(403, name, kind, str(error))
        if isinstance(error, MalformedRequestError):
            return _refuse(400, name, kind, str(error))
        if self._is_unavailable(error):
            return _refuse(503, name, kind, "the database is away", {"Retry-After": RETRY_AFTER})
        # Only its kind: a database's message may quote the row.
        return _refuse(500, name, kind, type(error).__name__)

    def _request(self, request: web.Request, body: bytes) -> Request:
        path = request.raw_path
        origin = self._origin if self._prefix and path.startswith(self._prefix) else self._public_url
        headers = {key.lower(): value for key, value in request.headers.items()}
        return Request(origin + path, headers, body, request.query)


async def _body(request: web.Request) -> bytes | None:
    """The body, or None once it is larger than any message: it is not read to its end."""
    if (request.content_length or 0) > MAX_BODY:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse(status: int, channel: str, kind: str, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    log.warning("webhook refused", channel=channel, webhook=kind, status=status, reason=reason)
    return web.Response(status=status, text="", headers=headers)


def add_routes(
    app: web.Application,
    resolve: Resolve,
    intake: Intake,
    receive: Receive,
    *,
    public_url: str,
    clock: Callable[[], datetime],
    is_unavailable: Callable[[BaseException], bool],
) -> None:
    """`POST /channels/{channel}/inbound`, `/call`, `/status`. `resolve`: name → a channel's id and its open gateway."""
    hooks = Webhooks(resolve, intake, receive, public_url=public_url, clock=clock, is_unavailable=is_unavailable)
    for prefix in {"", urlsplit(public_url.rstrip("/")).path}:
        app.router.add_post(prefix + "/channels/{channel}/inbound", hooks.inbound)
        app.router.add_post(prefix + "/channels/{channel}/call", hooks.call)
        app.router.add_post(prefix + "/channels/{channel}/status", hooks.status)
