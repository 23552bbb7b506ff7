"""The console's web server: waitress in this process, with static files served by whitenoise."""

from __future__ import annotations

from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from almoner.casework import connections
from almoner.casework.accounts.signing_in import roles_with_second_factor
from almoner.casework.conf.environment import unsafe
from almoner.casework.figures import charts
from almoner.errors import HomeError
from almoner.home import Home


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
    server = connections.create(get_wsgi_application(), host, port, **options())
    server.print_listen("Serving on http://{}:{}")
    server.run()


def options() -> dict[str, Any]:
    """Options of waitress. Behind TLS the proxy's headers are kept; without them Django would refuse every
    form as coming from another site."""
    return {"threads": 8, "ident": None, "clear_untrusted_proxy_headers": not settings.HTTPS}
