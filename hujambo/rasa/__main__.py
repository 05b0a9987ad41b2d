"""`python -m hujambo.rasa`: train Rasa on the content and serve it, or serve it while a command runs."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from content.training import TrainingError
from hujambo.rasa.server import FOLDER, ServerError, run, served, trained


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hujambo.rasa", description=__doc__)
    parser.add_argument("--port", type=int, default=5005, help="to serve on, on this machine alone")
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--while", dest="command", nargs=argparse.REMAINDER, help="serve while this command runs")
    args = parser.parse_args(words)
    own = os.environ.get("HUJAMBO_CONTENT")
    try:
        model = trained(Path(own) if own else None)
        if args.train_only:
            return 0
        if args.command:
            return _while(model, args.command)
        print(f"Rasa answers on http://127.0.0.1:{args.port} (HUJAMBO_NLU=rasa)", flush=True)
        run(model, args.port)
    except (ServerError, TrainingError) as error:
        print(error, file=sys.stderr)
    return 1


def _while(model: Path, command: list[str]) -> int:
    log = FOLDER / "rasa.log"
    with served(model, log) as url:
        environment = {**os.environ, "HUJAMBO_RASA_URL": url, "RASA_LOG": str(log)}
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  the caller's own command


if __name__ == "__main__":
    sys.exit(main())
