"""A browser without script, for tests over the real server."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.parse
import urllib.request
import uuid
from contextlib import closing
from http.cookiejar import CookieJar


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Browser:
    """Opens pages and sends forms, as a browser without script."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        with self._opener.open(self.url + path, timeout=60) as answer:
            return str(answer.read().decode())

    def send(self, path: str, **fields: str) -> tuple[str, str]:
        """The address where it ends, and the page there."""
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', self.get(path))
        assert token is not None
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        with self._opener.open(self.url + path, body, timeout=60) as answer:
            return urllib.parse.urlsplit(answer.url).path, answer.read().decode()

    def send_from(self, page: str, path: str, **fields: str) -> tuple[int, str]:
        """Send the form of `page` to `path`; gives the status and the page where it ends."""
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', self.get(page))
        assert token is not None
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        return self._opened(urllib.request.Request(self.url + path, body))  # noqa: S310

    def upload(self, page: str, path: str, name: str, data: bytes, **fields: str) -> tuple[int, str]:
        """Send a file to `path` from the form of `page`; gives the status and the page where it ends."""
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', self.get(page))
        assert token is not None
        border, parts = uuid.uuid4().hex, dict(fields, csrfmiddlewaretoken=token[1])
        head = "".join(
            f'--{border}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in parts.items()
        )
        head += (
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{border}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={border}", "Referer": self.url + page}
        request = urllib.request.Request(self.url + path, body, kind)  # noqa: S310
        return self._opened(request)

    def _opened(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
