"""The files of the pages: read and compressed once, and sent from memory."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_LEAST_COMPRESSED = 1024


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes | None
    media_type: str | None
    tag: str

    @classmethod
    def read(cls, path: Path) -> _File:
        content = path.read_bytes()
        compressed = gzip.compress(content) if len(content) >= _LEAST_COMPRESSED else None
        tag = hashlib.sha256(content).hexdigest()[:32]
        return cls(content, compressed, mimetypes.guess_type(path.name)[0], f'W/"{tag}"')


def route(path: str, files: Mapping[str, Path]) -> Route:
    """Return the route of some files, by the names that they have below a path.

    A browser asks each time whether its copy is the present one, and gets nothing if it is. Nothing secret may be in
    the files: what is compressed tells its length.
    """

    @lru_cache(None)
    def read(name: str) -> _File:
        return _File.read(files[name])

    async def answer(request: Request) -> Response:
        if (name := request.path_params["name"]) not in files:
            raise HTTPException(404)
        file = read(name)
        headers = {"cache-control": "no-cache", "etag": file.tag, "vary": "Accept-Encoding"}
        if file.tag.removeprefix("W/") in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if file.compressed is None or "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.content, headers=headers, media_type=file.media_type)
        return Response(file.compressed, headers=headers | {"content-encoding": "gzip"}, media_type=file.media_type)

    return Route(f"{path}/{{name}}", answer)
