"""Trains and serves Rasa in its own environment: what `make rasa` and `make test-rasa` run."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from content.training import load_training
from hujambo.rasa.project import write_project

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "rasa"
RASA = ROOT / ".venv-rasa" / "bin" / "rasa"
HOST = "127.0.0.1"  # never further: Rasa knows no passwords, and what it is asked are people's messages
_START = 180.0  # seconds that loading the model may take
_KEPT = 2  # models: this content's and the one before


class ServerError(Exception):
    """Rasa could not be trained or started; one line that says what to do."""


def trained(content: Path | None = None, folder: Path = FOLDER) -> Path:
    """The model of this content, trained now if there is none. Raises ServerError or TrainingError."""
    digest = write_project(load_training(content), folder)
    model = folder / "models" / f"hujambo-{digest}.tar.gz"
    if model.is_file():
        return model
    if not RASA.is_file():
        raise ServerError("there is no Rasa in .venv-rasa: run 'make rasa', which installs it")
    print(f"training Rasa on this content, some minutes ({model.name})", flush=True)
    before = time.monotonic()
    words = [
        "train", "nlu", "--config", "config.yml", "--domain", "domain.yml", "--nlu", "data",
        "--out", "models", "--fixed-model-name", model.name, "--quiet",
    ]  # fmt: skip
    ended = subprocess.run([RASA, *words], cwd=folder, env=_environment(), check=False)  # noqa: S603  our own words
    if ended.returncode or not model.is_file():
        raise ServerError("Rasa could not be trained: see above")
    print(f"trained in {time.monotonic() - before:.0f} s", flush=True)
    for old in sorted(model.parent.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime)[:-_KEPT]:
        old.unlink()
    return model


def command(model: Path, port: int) -> list[str]:
    """What serves the model on this machine alone."""
    words = ["run", "--enable-api", "--model", str(model), "--interface", HOST, "--port", str(port), "--quiet"]
    return [str(RASA), *words]


def run(model: Path, port: int, folder: Path = FOLDER) -> None:
    """Become Rasa; does not return."""
    os.chdir(folder)
    os.execve(RASA, command(model, port), _environment())  # noqa: S606  our own words


@contextmanager
def served(model: Path, log: Path, folder: Path = FOLDER) -> Iterator[str]:
    """Rasa on a free port for a while; gives its address. What it says goes into the file `log`."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  our own words
            command(model, port), cwd=folder, env=_environment(), stdout=said, stderr=subprocess.STDOUT
        )
        try:
            _wait(process, port)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServerError(f"Rasa ended while starting, with code {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/status", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    raise ServerError(f"Rasa did not start within {_START:.0f} s")


def _environment() -> dict[str, str]:
    """At the level DEBUG Rasa writes into its log what it is asked; unless told not to it reports to its makers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUJAMBO_", "RASA_"))}
    return kept | {
        "LOG_LEVEL": "WARNING",
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",  # of its libraries about one another
        "CUDA_VISIBLE_DEVICES": "",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }
