"""The console's web server: waitress in this process, with static files served by whitenoise."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Thread
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import Error, close_old_connections
from django.db import connections as databases
from django.http import parse_cookie

from almoner.casework import connections
from almoner.casework.accounts.signing_in import roles_with_second_factor
from almoner.casework.api import receiving, tokens
from almoner.casework.conf.environment import unsafe
from almoner.casework.core.request_bodies import NO_FILE_BYTES, SMALL_BYTES, BodyLimit, limited_parser
from almoner.casework.figures import charts
from almoner.errors import HomeError
from almoner.home import Home

EVENTS, CASE_FILES = re.compile(r"/api/events/?"), re.compile(r"/cases/[^/]+/files/?")
TIMES_TOO_LARGE = 4


def refuse_unsafe(home: Home, host: str) -> None:
    """Raise HomeError with the first reason why serving the console on `host` would be unsafe."""
    problem = next(unsafe(settings.SAID, home, host, settings.DEBUG), None)
    try:
        roles_with_second_factor()
    except KeyError as error:
        problem = (
            f"ALMONER_SECOND_FACTOR names no role: {error.args[0]}. Write personal, all, none, or roles by"
            " commas."
        )
    if problem:
        raise HomeError(f"The console is not served. {problem}")


def serve(host: str, port: int) -> None:
    """Serve the console on `host` and `port` until the process is stopped."""
    if host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(host)
    call_command("clearsessions")
    Thread(target=charts.warm_up, daemon=True).start()  # so that the first page with charts is fast
    logging.basicConfig()
    parser = limited_parser(body_limit)
    server = connections.create(get_wsgi_application(), host, port, parser, **options())
    server.print_listen("Serving on http://{}:{}")
    server.run()


def options() -> dict[str, Any]:
    """Options of waitress. Behind TLS the proxy's headers are kept; without them Django would refuse every
    form as coming from another site. What is received and sent stays in memory."""
    return {
        "threads": 8,
        "ident": None,
        "clear_untrusted_proxy_headers": not settings.HTTPS,
        "inbuf_overflow": NO_FILE_BYTES,
        "outbuf_overflow": NO_FILE_BYTES,
    }


def body_limit(path: str, headers: Mapping[str, str]) -> BodyLimit:
    """How large a request's body may be: a form is small, and so is all from somebody who has not signed in.

    A case's file that is somewhat too large is read, so that the page can say so.
    """
    if EVENTS.fullmatch(path):
        if _has_token(headers.get("AUTHORIZATION", "")):
            return BodyLimit(receiving.LARGEST_BODY_BYTES, "Send the batch in parts.")
        return BodyLimit(SMALL_BYTES, "With a valid token it may have more: Authorization: Bearer TOKEN.")
    if CASE_FILES.fullmatch(path):
        if _is_signed_in(headers.get("COOKIE", "")):
            return BodyLimit(TIMES_TOO_LARGE * settings.FILE_BYTES, "Make the file smaller.")
        return BodyLimit(SMALL_BYTES, "Sign in first.")
    return BodyLimit(SMALL_BYTES, "Send less.")


def _has_token(authorization: str) -> bool:
    kind, _blank, token = authorization.partition(" ")
    return kind.lower() == "bearer" and _known(lambda: tokens.is_valid(token.strip()))


def _is_signed_in(cookies: str) -> bool:
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return bool(key) and _known(lambda: SESSION_KEY in store(key))


def _known(asked: Callable[[], bool]) -> bool:
    """The answer of the database. While it is away nobody is known, and the thread that reads requests goes
    on."""
    close_old_connections()
    try:
        return asked()
    except Error:
        databases.close_all()
        return False
