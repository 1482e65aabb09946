"""Handing in at a server of `autograder serve`, with a personal token, over a network that may break at any moment.

A request bears the hash of the file as its key, so the server knows it again: what arrives twice counts once.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from autograder.base.errors import AutograderError, UsageError
from autograder.base.i18n import Language, Text, same, text
from autograder.course.submission import MAX_UPLOAD_BYTES

_TRIES = 3
_TIMEOUT_S = 60
_AROUND_BYTES = 4096
_LONGEST_ANSWER = 1 << 20
_UNKNOWN_SIGNERS = (18, 19, 20, 21)
"""OpenSSL's numbers of: self-signed, self-signed in the chain, no issuer to be found, and a first one not verified."""


@dataclass(frozen=True)
class Acknowledged:
    """What the server says it has.

    Args:
        number: of the submission.
        sha256: of the bytes it has received.
        time: when they were received first.
        page: where the result appears.
        is_late: whether that was after the assignment was due.
        is_new: false if the server had them already, as the student's last attempt.
    """

    number: int
    sha256: str
    time: datetime
    page: str
    is_late: bool
    is_new: bool


@dataclass(frozen=True)
class Server:
    """A course's server.

    Args:
        address: as the instructor has given it, such as ``https://example.edu/course``.
        token: the student's.
        language: in which it shall answer.
    """

    address: str
    token: str
    language: Language

    @classmethod
    def at(cls, address: str, token: str, language: Language) -> Server:
        """Return the server at an address that a token may be sent to.

        Raises:
            UsageError: it is none, or others on the way could read the token.
        """
        try:
            parts = urlsplit(address.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            words = text("--to {address}: write the whole address, as in https://example.edu/course", address=address)
            raise UsageError(words, for_students=True)
        if parts.scheme == "http" and not _is_this_machine(host):
            words = text("--to {address}: others could read your token on the way; write https://", address=address)
            raise UsageError(words, for_students=True)
        return cls(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}", token, language)

    def hand_in(self, assignment: str, file: str, content: bytes) -> Acknowledged:
        """Send a file, again if the connection breaks, and return what the server says it has.

        Raises:
            UsageError: the server refuses, or cannot be reached; the message names the remedy.
            AutograderError: it does not acknowledge these bytes.
        """
        if len(content) > MAX_UPLOAD_BYTES - _AROUND_BYTES:
            raise UsageError(_too_large(file, content), for_students=True)
        sha256 = hashlib.sha256(content).hexdigest()
        status, said, location = self._send(assignment, file, content, sha256)
        if status not in (200, 201):
            raise UsageError(self._refusal(status, said, location, assignment, file, content), for_students=True)
        try:
            received = Acknowledged(
                int(said["submission"]),
                str(said["sha256"]),
                datetime.fromisoformat(said["time"]),
                str(said["page"]),
                is_late=said.get("late") is True,
                is_new=status == 201,
            )
        except (LookupError, TypeError, ValueError):
            raise UsageError(self._no_course(), for_students=True) from None
        if received.sha256 != sha256:
            raise AutograderError(
                text("the server has received other bytes than were sent; run the same command again"),
                for_students=True,
            )
        return received

    # -- the wire ------------------------------------------------------------------------------------------------------

    def _send(self, assignment: str, file: str, content: bytes, key: str) -> tuple[int, Any, str]:
        """Return the status, the document and where else to go; send again if no answer has come."""
        for last in range(_TRIES, 0, -1):
            connection = self._connect()
            try:
                return self._ask(connection, assignment, file, content, key)
            except (OSError, http.client.HTTPException) as error:
                if last == 1:
                    words = text(
                        "{address}: the connection broke ({reason}), and whether your file has arrived is not known; "
                        "run the same command again: it counts once",
                        address=self.address,
                        reason=_reason(error),
                    )
                    raise UsageError(words, for_students=True) from error
            finally:
                connection.close()
            time.sleep(_TRIES + 1 - last)
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        """Return an open connection, through the proxy that the environment names.

        Raises:
            UsageError: there is none.
        """
        connection = self._connection()
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise UsageError(self._not_verified(error), for_students=True) from error
        except OSError as error:
            words = text(
                "{address}: no connection ({reason}); check the address and your network, then run the same command "
                "again",
                address=self.address,
                reason=_reason(error),
            )
            raise UsageError(words, for_students=True) from error
        return connection

    def _not_verified(self, error: ssl.SSLCertVerificationError) -> Text:
        """Return what to do about a certificate that nobody known has signed, or that is wrong for this address."""
        known = {"address": self.address, "reason": same(error.verify_message)}
        if error.verify_code in _UNKNOWN_SIGNERS:
            return text(
                "{address}: nobody that this machine trusts has signed its certificate ({reason}); ask your instructor "
                "for the file with the certificate, and run the command with SSL_CERT_FILE=FILE before it, or as an "
                "environment variable",
                **known,
            )
        return text(
            "{address}: its certificate cannot be verified ({reason}); ask your instructor for the right address",
            **known,
        )

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        from urllib.request import getproxies, proxy_bypass

        proxy = urlsplit(getproxies().get("https", ""))
        if not proxy.hostname or proxy_bypass(parts.hostname):
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        through = http.client.HTTPSConnection(proxy.hostname, proxy.port, timeout=_TIMEOUT_S)
        through.set_tunnel(parts.hostname, parts.port)
        return through

    def _ask(
        self, connection: http.client.HTTPConnection, assignment: str, file: str, content: bytes, key: str
    ) -> tuple[int, Any, str]:
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quote(file)}"\r\n\r\n'
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": key,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Accept-Language": self.language,
        }
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        path = f"{urlsplit(self.address).path}/assignments/{quote(assignment, safe='')}/upload"
        with suppress(BrokenPipeError, ConnectionResetError):  # refused half way: the reason may have arrived
            connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        words = answer.read(_LONGEST_ANSWER)
        try:
            said = json.loads(words)
        except ValueError:
            said = None
        return answer.status, said, answer.headers.get("Location", "")

    # -- what went wrong -----------------------------------------------------------------------------------------------

    def _refusal(self, status: int, said: Any, location: str, assignment: str, file: str, content: bytes) -> Text:
        reason = said.get("error") if isinstance(said, dict) else None
        if status == 401:
            return text(
                "{address} does not know this token; make a new one there under your name", address=self.address
            )
        if status == 404 and reason:
            return text(
                "{address}: no assignment {name} is open there; is the file called what it was called when you got it?",
                address=self.address,
                name=assignment,
            )
        if status == 413:
            return _too_large(file, content)
        if 300 <= status < 400 and location:
            return text("{address} sends you to {location}: use that address", address=self.address, location=location)
        if reason:
            return text("{address} has refused it: {reason}", address=self.address, reason=same(str(reason)[:500]))
        if status >= 500:
            return text(
                "{address} does not work at the moment ({status}); run the same command again later: it counts once",
                address=self.address,
                status=status,
            )
        return self._no_course()

    def _no_course(self) -> Text:
        return text("{address}: no course answers there; check the address", address=self.address)


def _too_large(file: str, content: bytes) -> Text:
    return text(
        "{file} is too large for the server ({size} MB); clear the outputs (Kernel > Restart and clear output), "
        "save it and hand it in again",
        file=file,
        size=f"{len(content) / (1 << 20):.1f}",
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: BaseException) -> Text:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return same(str(said)[:200])
