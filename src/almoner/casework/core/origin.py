"""The network that a request comes from, for limits on attempts."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest

NETWORK_BITS = 64  # of IPv6: whoever has one address has all of its network


def network_of(request: HttpRequest) -> str:
    """The client's IPv4 address, or the first address of its IPv6 network.

    Behind TLS it is that of the last forwarded entry, which our proxy adds. Empty where no address is known.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.HTTPS else ""
    return _network(forwarded.rpartition(",")[2]) or _network(str(request.META.get("REMOTE_ADDR", "")))


def _network(text: str) -> str:
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, NETWORK_BITS), strict=False).network_address)
