"""Middleware for all pages: limits what browsers may do with them, forbids caching, and looks up the reader
once for each page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from almoner.casework.accounts.access import memberships_read_once

DEVICE = (  # what Chromium knows on every system: it complains of any other on each page
    *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture"),
    *("encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer"),
    *("microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-create"),
    *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
NO_DEVICE = ", ".join(f"{feature}=()" for feature in DEVICE)
Respond = Callable[[HttpRequest], HttpResponse]


def browser_limits(respond: Respond) -> Respond:
    """Forbid other sites to embed anything of ours, and our pages to use the device."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", NO_DEVICE)
        return response

    return answer


def no_store(respond: Respond) -> Respond:
    """Tell browsers and proxies not to store any page."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def one_reader(respond: Respond) -> Respond:
    """Cache the reader's membership during GET and HEAD requests, which change nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return respond(request)
        with memberships_read_once():
            return respond(request)

    return answer
