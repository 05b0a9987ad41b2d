"""Finds a Python 3.10 for Rasa, which runs on no newer one: `python -m hujambo.rasa.interpreter` prints its path."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ASKED = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))"
MISSING = (
    "Rasa needs Python 3.10 (with venv), and none was found: install one (pyenv install 3.10, uv python install 3.10, "
    "or your system's python3.10 and python3.10-venv) or name it: make rasa PYTHON310=/path/to/python3.10"
)


def is_python_310(path: str) -> bool:
    """It starts, is of the right version, and can make an environment."""
    try:
        ended = subprocess.run([path, "-c", ASKED], capture_output=True, timeout=60, check=False)  # noqa: S603  asked by name
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def candidates(environment: Mapping[str, str]) -> Iterable[str]:
    """Where one may be, nearest first: what was named, the path, pyenv's, uv's, and last one that uv downloads."""
    if named := environment.get("PYTHON310"):
        yield named
        return
    if found := shutil.which("python3.10", path=environment.get("PATH")):
        yield found
    pyenv = Path(environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/")) / ".pyenv")
    yield from (str(path) for path in sorted(pyenv.glob("versions/3.10.*/bin/python"), reverse=True))
    uv = shutil.which("uv", path=environment.get("PATH")) or str(Path(sys.executable).with_name("uv"))
    if Path(uv).is_file():
        if found := _said(uv, "python", "find", "3.10"):
            yield found
        _said(uv, "python", "install", "3.10")
        if found := _said(uv, "python", "find", "3.10"):
            yield found


def _said(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, timeout=600, check=False, text=True).stdout.strip()  # noqa: S603  uv
    except (OSError, subprocess.TimeoutExpired):
        return ""


def find(environment: Mapping[str, str], is_right: Callable[[str], bool] = is_python_310) -> str | None:
    return next((path for path in candidates(environment) if is_right(path)), None)


if __name__ == "__main__":
    python = find(os.environ)
    if python is None:
        sys.exit(MISSING)
    print(python)
