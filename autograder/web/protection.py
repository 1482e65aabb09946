"""What surrounds every request: headers that bind the browser, a bound on size, and who may ask from elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autograder.web.limits import MAX_FORM_BYTES

STYLE_NONCE = "autograder.style_nonce"
"""Where a request's scope holds the word by which its page's editor may add style elements; few pages have one."""
_STYLES = "style-src 'self'"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        _STYLES,
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_RAW = [(name.lower().encode(), words.encode()) for name, words in _HEADERS.items()]
_NAMES = frozenset(name for name, _ in _RAW)
_SAFE = ("GET", "HEAD", "OPTIONS")
_FOR_WATCHERS = ("/health", "/metrics")
"""Load balancers and Prometheus ask by a number where people use a name."""


class Protection:
    """Middleware around the whole application.

    Args:
        app: the application.
        max_bytes: what a file that is handed in may bring, with all that surrounds it.
        public_url: the address under which browsers know us; by default what the request says.
        hosts: the names under which requests are answered, in small letters; None for any.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        public_url: str | None = None,
        hosts: frozenset[str] | None = None,
    ) -> None:
        self._app, self._max_bytes, self._hosts = app, max_bytes, hosts
        self._origin = _origin(public_url) if public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*(h for h in message["headers"] if h[0] not in _NAMES), *_RAW]
                headers = MutableHeaders(scope=message)
                if (nonce := scope.get(STYLE_NONCE)) is not None:
                    headers["Content-Security-Policy"] = _POLICY.replace(_STYLES, f"{_STYLES} 'nonce-{nonce}'")
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        headers = Headers(scope=scope)
        most = self._max_bytes if str(scope["path"]).endswith("/upload") else MAX_FORM_BYTES
        if not self._is_named_as_us(scope, headers):
            await PlainTextResponse("There is no such host here.", 421)(scope, receive, send_protected)
        elif scope["method"] not in _SAFE and not self._comes_from_here(scope, headers):
            await PlainTextResponse("This request comes from another site.", 403)(scope, receive, send_protected)
        elif not _is_size(headers.get("content-length", "0"), most):
            await PlainTextResponse("This is too large.", 413)(scope, receive, send_protected)
        else:
            await self._app(scope, _bounded(receive, most), send_protected)

    def _is_named_as_us(self, scope: Scope, headers: Headers) -> bool:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        return self._hosts is None or host_in(headers.get("host", "")) in self._hosts or path in _FOR_WATCHERS

    def _comes_from_here(self, scope: Scope, headers: Headers) -> bool:
        """Return whether a page of ours sent this, or a program with a token, which no page has."""
        if headers.get("authorization", "").strip():
            return True
        if (site := headers.get("sec-fetch-site")) is not None and site not in ("same-origin", "none"):
            return False
        if (origin := headers.get("origin")) is not None:
            return origin in (self._origin, f"{scope['scheme']}://{headers.get('host', '')}")
        return site is not None


def host_in(address: str) -> str:
    """Return the name in ``name:port``, in small letters; empty where there is none."""
    try:
        return urlsplit(f"//{address}").hostname or ""
    except ValueError:
        return ""


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_size(words: str, most: int) -> bool:
    return words.isdecimal() and len(words) < 20 and int(words) <= most


def _bounded(receive: Receive, most: int) -> Receive:
    """Take no more than a request may bring, whatever it says of its length."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= most else {"type": "http.disconnect"}

    return take
