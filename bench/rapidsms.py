"""RapidSMS from the package index on this machine: the same texts in, stored and answered into its database.

`prepare` makes it a virtual environment and a small project of its own in `folder`; `serve` runs it under gunicorn with
two workers. It verifies no signature, assesses nothing, encrypts nothing and is not atomic: a friendly comparison.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.texts import TEXTS, number

PACKAGES = ("RapidSMS==2.2.0", "Django>=5.2,<5.3", "gunicorn>=23", "psycopg[binary]>=3.3")

_SETTINGS = """
import os
SECRET_KEY = "bench"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "rapidsms",
    "rapidsms.backends.database", "rapidsms.router.blocking", "rapidsms.contrib.messagelog", "answers"]
MIDDLEWARE = []
ROOT_URLCONF = "urls"
TEMPLATES = []
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "peer.sqlite3",
    "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"} if os.environ.get("PEER_TUNED")
        else {"timeout": 60}}}
INSTALLED_BACKENDS = {"sms": {"ENGINE": "rapidsms.backends.database.DatabaseBackend"}}
RAPIDSMS_ROUTER = "rapidsms.router.blocking.BlockingRouter"
LOGGING = {"version": 1, "disable_existing_loggers": True}
"""
_URLS = """
from django.urls import path
from rapidsms.backends.http.views import GenericHttpBackendView
urlpatterns = [path("in/", GenericHttpBackendView.as_view(backend_name="sms",
    params={"identity_name": "From", "text_name": "Body"}))]
"""
_APP = """
from rapidsms.apps.base import AppBase
class App(AppBase):
    def handle(self, msg):
        msg.respond("Thank you.")
        return True
"""
_MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
_WSGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""


def prepare(folder: Path) -> Path:
    """Install the peer and write its project; gives the environment's bin folder."""
    environment = folder / "venv"
    if not (environment / "bin" / "gunicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
    project = folder / "project"
    (project / "answers").mkdir(parents=True, exist_ok=True)
    for name, text in {
        "settings.py": _SETTINGS, "urls.py": _URLS, "manage.py": _MANAGE, "wsgi.py": _WSGI, "answers/__init__.py": "",
        "answers/app.py": _APP,
    }.items():  # fmt: skip
        (project / name).write_text(text)
    return environment / "bin"


@contextlib.contextmanager
def serve(folder: Path, port: int, *, tuned: bool) -> Iterator[None]:
    bins = prepare(folder)
    project = folder / "project"
    for old in project.glob("peer.sqlite3*"):
        old.unlink()
    variables = os.environ | ({"PEER_TUNED": "1"} if tuned else {"PEER_TUNED": ""})
    subprocess.run(
        [bins / "python", "manage.py", "migrate", "--run-syncdb", "-v", "0"], cwd=project, env=variables, check=True
    )
    server = subprocess.Popen(
        [bins / "gunicorn", "wsgi", "-w", "2", "-b", f"127.0.0.1:{port}", "--log-level", "critical"],
        cwd=project, env=variables,
    )  # fmt: skip
    try:
        _wait(port)
        yield
    finally:
        server.terminate()
        server.wait(20)


def _wait(port: int) -> None:
    import socket

    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    msg = "the peer did not start"
    raise RuntimeError(msg)


def measure(folder: Path, port: int, messages: int, connections: int, *, tuned: bool) -> load.Result:
    """Messages per second through RapidSMS, `connections` at a time. gunicorn's plain workers close each connection."""
    forms = ({"From": number(i), "Body": TEXTS[i % len(TEXTS)]} for i in range(messages))
    requests = [
        load.post(f"127.0.0.1:{port}", "/in/", urllib.parse.urlencode(form).encode(), {"Connection": "close"})
        for form in forms
    ]
    with serve(folder, port, tuned=tuned):
        return asyncio.run(load.run("127.0.0.1", port, requests, connections, reuse=False))
