"""Group commit: many callers, one transaction. Each caller waits until its own item is safely written.

Whoever submits while a batch is being written lands in the next one, so the batch grows with the load and one message
alone waits for nobody. PERFORMANCE: one commit per message costs three to four times as much as a batch per commit.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class GroupWriter(Generic[T, R]):
    """`apply` writes a batch in one transaction and returns one result per item, in order.

    When it raises, the items are tried one by one, so that one bad item does not take its neighbours along, unless
    `is_shared_fault` says that the fault is everybody's (the database is away).

    `gather` (seconds): under load, a batch smaller than the last one waits so long for those who were just answered
    and will be back. A message that comes alone never waits.
    """

    def __init__(
        self,
        apply: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        most: int = 100,
        gather: float = 0.0,
        is_shared_fault: Callable[[BaseException], bool] = lambda _error: False,
    ) -> None:
        self._apply = apply
        self._most = most
        self._gather = gather
        self._last = 0  # size of the batch before this one
        self._is_shared_fault = is_shared_fault
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain(), name="group-writer")
        # A caller that is cancelled (the gateway hung up) must not cancel the write of what it brought.
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Wait until everything submitted has been written or refused."""
        while self._worker is not None and not self._worker.done():
            await asyncio.wait([self._worker])

    async def _drain(self) -> None:
        while self._waiting:
            if self._gather and len(self._waiting) < self._last:
                await asyncio.sleep(self._gather)
            count = min(self._most, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            self._last = count
            await self._write(batch)

    async def _write(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._apply([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  handed to the callers, each of whom answers for its item
            if len(batch) > 1 and not self._is_shared_fault(error):
                for one in batch:
                    await self._write([one])
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                        future.exception()  # its caller may be gone; the fault was still seen
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
