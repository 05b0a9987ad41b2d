"""Group commit: who shares a batch, and who answers for a fault."""

import asyncio
from collections.abc import Sequence

import pytest

from store.groups import GroupWriter


class Recorder:
    """Writes batches down; refuses the items it was told to refuse."""

    def __init__(self, *, refuses: Sequence[int] = (), fault: type[Exception] = ValueError) -> None:
        self.batches: list[list[int]] = []
        self.refuses = set(refuses)
        self.fault = fault

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if self.refuses & set(items):
            raise self.fault
        return [item * 10 for item in items]


async def test_whoever_arrives_while_a_batch_is_written_shares_the_next_one() -> None:
    recorder = Recorder()
    group = GroupWriter(recorder, most=3)
    first = asyncio.create_task(group.submit(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(group.submit(item)) for item in range(1, 6)]
    assert await asyncio.gather(first, *rest) == [0, 10, 20, 30, 40, 50]
    assert recorder.batches == [[0], [1, 2, 3], [4, 5]]


async def test_one_bad_item_does_not_take_its_neighbours_along() -> None:
    recorder = Recorder(refuses=[2])
    group = GroupWriter(recorder)
    results = await asyncio.gather(*(group.submit(item) for item in range(4)), return_exceptions=True)
    assert [type(r) if isinstance(r, Exception) else r for r in results] == [0, 10, ValueError, 30]


async def test_a_fault_that_is_everybodys_is_not_tried_again_one_by_one() -> None:
    recorder = Recorder(refuses=[2], fault=OSError)
    group = GroupWriter(recorder, is_shared_fault=lambda error: isinstance(error, OSError))
    results = await asyncio.gather(*(group.submit(item) for item in range(4)), return_exceptions=True)
    assert [type(r) for r in results] == [OSError] * 4
    assert recorder.batches == [[0, 1, 2, 3]]


async def test_a_caller_that_hangs_up_does_not_undo_the_write() -> None:
    recorder = Recorder()
    group = GroupWriter(recorder)
    caller = asyncio.create_task(group.submit(7))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await group.close()
    assert recorder.batches == [[7]]


async def test_under_load_a_smaller_batch_waits_for_those_who_were_just_answered() -> None:
    recorder = Recorder()
    group = GroupWriter(recorder, gather=0.05)

    async def caller(item: int) -> None:
        await group.submit(item)
        await group.submit(item + 10)

    await asyncio.gather(*(caller(item) for item in range(4)))
    assert recorder.batches == [[0, 1, 2, 3], [10, 11, 12, 13]]


async def test_a_lone_item_is_written_at_once() -> None:
    recorder = Recorder()
    group = GroupWriter(recorder, gather=3600)
    assert await asyncio.wait_for(group.submit(1), 5) == 10
    assert await asyncio.wait_for(group.submit(2), 5) == 20
