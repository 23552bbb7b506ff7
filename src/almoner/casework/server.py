"""The console's web server: waitress in this process, static files by whitenoise."""

from __future__ import annotations

from threading import Thread
from typing import Any

import waitress
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from almoner.casework.accounts.signing_in import roles_with_second_factor
from almoner.casework.conf.environment import unsafe
from almoner.casework.figures import charts
from almoner.errors import HomeError
from almoner.home import Home


def refuse_unsafe(home: Home, host: str) -> None:
    """Raises HomeError with the first thing that is not safe."""
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
    if host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(host)
    call_command("clearsessions")
    Thread(target=charts.warm_up, daemon=True).start()  # so that the first page with charts does not wait
    waitress.serve(get_wsgi_application(), host=host, port=port, **options())


def options() -> dict[str, Any]:
    """Of waitress. Behind TLS it leaves the proxy's headers alone, without which every form would look
    like another site's."""
    return {"threads": 8, "ident": None, "clear_untrusted_proxy_headers": not settings.HTTPS}
