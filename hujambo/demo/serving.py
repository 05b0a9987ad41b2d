"""Running the demo: build it, print how to get in, and serve it on this machine only."""

import random
import socket
from pathlib import Path

from hujambo.demo.answering import Answering
from hujambo.demo.build import Demo, LogIn, build
from hujambo.service import Service, build_service, run_until_stopped
from hujambo.settings import SettingError
from store.database import Clock, utc_now

HOST = "127.0.0.1"


async def run(port: int, people: int, folder: Path, *, once: bool, clock: Clock = utc_now) -> None:
    """Raises SettingError where the port is taken: before anything of an earlier demo is removed."""
    if not once:
        _must_be_free(port)
    demo = await build(folder, people, port, clock())
    if once:
        print(log_in_table(demo))
        return
    service = await open_service(demo, clock)
    await run_until_stopped(service, HOST, port, lambda at: print(invitation(demo, at), flush=True))


async def open_service(demo: Demo, clock: Clock, pause: tuple[float, float] = (5, 40)) -> Service:
    """The service on the demo's database, with the wall of phones and people who answer on them."""
    service = await build_service(demo.settings, clock=clock, with_wall=True)
    if service.wall is not None:
        # Not the contents' seed: each showing is another one.
        chance = random.Random()  # noqa: S311  chooses words, not secrets
        answering = Answering(service.wall, service.pack, demo.people, clock, chance, pause=pause)
        service.wall.on_deliver.append(answering.hear)
    return service


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SettingError(f"--port {port}: {error.strerror}; is another demo running?") from None


def log_in_table(demo: Demo) -> str:
    rows = [LogIn("log-in", "role", "password"), *demo.log_ins]
    logins, roles = (max(len(getattr(row, name)) for row in rows) for name in ("login", "role"))
    return "\n".join(f"  {row.login:<{logins}}  {row.role:<{roles}}  {row.password}" for row in rows)


def invitation(demo: Demo, port: int) -> str:
    address = f"http://{HOST}:{port}"
    return f"""
Hujambo demo: {len(demo.people)} invented people, pretend phones, nothing leaves this machine.

  Open      {address}/console/

{log_in_table(demo)}

Three things to try
  1. Log in as amina. The red alert on top is waiting for somebody: take it, read why it was raised, answer.
  2. Open {address}/console/phones beside it and text "i dont want to live" from any phone.
  3. Log in as grace and see how the twelve weeks went: people, campaigns, and the alerts that were closed.

People answer their check-ins while you watch. The log-ins are new in every run. Stop with Ctrl-C.
"""
