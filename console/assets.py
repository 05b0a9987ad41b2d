"""The console's own style sheet, script and pictures: read once, compressed once, named by their content."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    tag: str  # of its content: a changed file has a new address
    content_type: str
    body: bytes
    packed: bytes


class Assets:
    """All files of `static/`. `url` is what a page links to; `serve` answers it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}

    def url(self, name: str) -> str:
        asset = self._files[name]
        return f"/console/static/{asset.tag}/{asset.name}"

    def serve(self, request: web.Request) -> web.Response:
        asset = self._files.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        body = asset.packed if is_packed else asset.body
        return web.Response(body=body, content_type=asset.content_type, charset="utf-8", headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(
        name=path.name,
        tag=hashlib.sha256(body).hexdigest()[:12],
        content_type=_TYPES[path.suffix],
        body=body,
        packed=gzip.compress(body, 9, mtime=0),
    )
