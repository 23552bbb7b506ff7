"""The console's web server: waitress in this process, static files by whitenoise."""

from __future__ import annotations

import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application


def serve(host: str, port: int) -> None:
    if host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(host)
    waitress.serve(get_wsgi_application(), host=host, port=port, threads=8, ident=None)
