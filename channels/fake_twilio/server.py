"""The fake as a server of its own, in this process or another."""

import argparse
import asyncio
import contextlib

from aiohttp import web

from channels.fake_twilio.account import ACCOUNT_SID, AUTH_TOKEN
from channels.fake_twilio.control import Control


class FakeTwilio(Control):
    """One account. Messages leave at once; their callbacks follow `callback_delay` later, signed as Twilio signs.

    `inbound_url`: where `text` posts. `senders`: the numbers the account owns (any, if empty). With `callbacks` off,
    messages stay queued until `advance` moves them.
    """

    _runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self._create)
        app.router.add_get("/2010-04-01/Accounts/{account}/Messages.json", self._list)
        app.router.add_get("/2010-04-01/Accounts/{account}/Messages/{sid}.json", self._fetch)
        app.router.add_get("/_control", self._control_counts)
        app.router.add_post("/_control", self._control)
        app.router.add_get("/_control/messages", self._control_messages)
        app.router.add_post("/_control/text", self._control_text)
        app.on_shutdown.append(self._shut_down)
        return app

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Listen; returns the address to use as `api_base`."""
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _shut_down(self, _app: web.Application) -> None:
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m channels.fake_twilio", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    parser.add_argument("--inbound-url", default="")
    parser.add_argument("--answer-delay", type=float, default=0.0)
    parser.add_argument("--no-callbacks", action="store_true")
    given = parser.parse_args()

    async def make() -> web.Application:
        return FakeTwilio(
            given.account_sid,
            given.auth_token,
            inbound_url=given.inbound_url,
            answer_delay=given.answer_delay,
            callbacks=not given.no_callbacks,
        ).app()

    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  faster where it exists

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # Loopback only: it accepts credentials and shows every text it was given.
    web.run_app(make(), host="127.0.0.1", port=given.port, print=None, access_log=None)
