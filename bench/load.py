"""A small HTTP load generator: ready-made requests over a fixed number of kept-open connections, and what they took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    """What a run took: answers by status, seconds in all, and each request's milliseconds."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def post(host: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One HTTP/1.1 POST as bytes."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def run(host: str, port: int, requests: Sequence[bytes], connections: int, *, reuse: bool = True) -> Result:
    """Send every request once, `connections` at a time, each after the answer to the one before it."""
    result = Result()
    waiting = iter(requests)

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            for request in waiting:
                start = time.perf_counter()
                if writer.is_closing():
                    reader, writer = await asyncio.open_connection(host, port)
                writer.write(request)
                status = await _read_answer(reader)
                result.latencies.append((time.perf_counter() - start) * 1000)
                result.statuses[status] = result.statuses.get(status, 0) + 1
                if not reuse:
                    writer.close()
        finally:
            writer.close()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_connection())
    result.seconds = time.perf_counter() - start
    return result


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    length = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
    if length:
        await reader.readexactly(length)
    return status
