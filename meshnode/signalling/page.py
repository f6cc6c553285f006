"""The static page: our own files and nothing else, with headers that keep it so.

The list of files is made once, so a request can only name what is in it: there is no
path to traverse.  Modules are readable from other sites, because `<mesh-player>` is
meant to be pasted there.  The policy lets scripts come from here only, and connections
go anywhere, since a player may play from another node, and a room go on at one.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from meshnode.signalling.trust import Caller

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' http: https: ws: wss:",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob: mediastream:",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
COMMON = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def web_files(root: Path | None = None) -> dict[str, Path]:
    """The files of the page by URL path without a leading slash; "" is the page."""
    root = root or Path(__file__).parents[1] / "web"
    files = {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in TYPES
    }
    if "index.html" in files:
        files[""] = files["index.html"]
    return files


class Page:
    """The handler of one static file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._headers = {**COMMON, "Content-Type": TYPES[path.suffix]}
        if path.suffix == ".html":
            self._headers["Content-Security-Policy"] = POLICY
        else:
            self._headers["Access-Control-Allow-Origin"] = "*"

    async def get(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The file; conditional requests and ranges are aiohttp's part."""
        return web.FileResponse(self._path, headers=self._headers)
