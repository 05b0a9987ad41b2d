"""A pretend Rasa on this machine: a real HTTP server that answers as it is told."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

CALM = {"everyday": 1.0}
GRAVE = ("die", "mourir", "kufa")


class PretendRasa:
    """Hears danger wherever one of three words stands. `mood` breaks it; `asked` keeps what it was asked."""

    def __init__(self) -> None:
        self.mood = "well"
        self.asked: list[str] = []
        self.together = self.most_together = 0
        self.is_asked, self.goes_on = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = (await request.json())["text"]
        self.asked.append(text)
        self.is_asked.set()
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        try:
            await asyncio.sleep(0)
            return await self._answer(text)
        finally:
            self.together -= 1

    async def _answer(self, text: str) -> web.StreamResponse:
        match self.mood:
            case "error":
                return web.json_response({"status": "failure", "reason": "ParsingError"}, status=500)
            case "nonsense":
                return web.Response(text="<html>a proxy's page</html>")
            case "other content":
                return web.json_response(ranked({"order_pizza": 1.0}))
            case "endless":
                return web.Response(body=b" " * 200_000)
            case "elsewhere":
                raise web.HTTPTemporaryRedirect(self.url + "/elsewhere")
            case "slow":
                await self.goes_on.wait()
            case "slow of calm" if not is_grave(text):
                await self.goes_on.wait()
        return web.json_response(ranked({"self_harm": 0.9, "everyday": 0.1} if is_grave(text) else CALM))


def is_grave(text: str) -> bool:
    return any(word in GRAVE for word in text.split())


def ranked(confidences: dict[str, float]) -> dict[str, Any]:
    ranking = [{"name": name, "confidence": value} for name, value in confidences.items()]
    return {"text": "", "intent": ranking[0], "entities": [], "intent_ranking": ranking}


@asynccontextmanager
async def pretend_rasa() -> AsyncIterator[PretendRasa]:
    rasa = PretendRasa()
    app = web.Application()
    app.router.add_post("/model/parse", rasa.answer)
    app.router.add_post("/elsewhere", rasa.answer)
    server = TestServer(app)
    await server.start_server()
    rasa.url = str(server.make_url("")).rstrip("/")
    try:
        yield rasa
    finally:
        rasa.goes_on.set()
        await server.close()


@contextmanager
def in_thread() -> Iterator[PretendRasa]:
    """A pretend Rasa for code that blocks."""
    ready, stop = threading.Event(), asyncio.Event()
    held: list[PretendRasa] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        async with pretend_rasa() as server:
            held.append(server)
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield held[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)
