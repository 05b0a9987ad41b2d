"""`hujambo serve` with shorter waits: a test need not wait a minute before the gateway is asked what became of a send.

`python -m tests.faults.serve --port N`; everything else comes from the settings, as for the real command.
"""

import argparse
from datetime import timedelta

import uvloop

from hujambo.logs import set_up_logs
from hujambo.service import build_service, run_until_stopped
from hujambo.settings import read_settings

LEASE = timedelta(seconds=8)
ASK_AFTER = timedelta(seconds=3)
SENDING = {"lease": LEASE, "send_timeout": 4.0, "ask_after": ASK_AFTER}


async def serve(port: int) -> None:
    settings = read_settings()
    set_up_logs(settings.log)
    service = await build_service(settings, sending=SENDING)
    await run_until_stopped(service, settings.host, port, lambda at: print(f"listening on port {at}", flush=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
