"""Decide where webhooks may go: what an address must look like, and which hosts it may lead to.

An IPv6 address that carries an IPv4 address is judged as that one, because the network delivers it there.
Private networks are for those departments for which they were allowed. Addresses that no host has, and those
at which clouds give out a machine's credentials, are refused for everybody.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from almoner.errors import AlmonerError

PORTS = {"https": 443, "http": 80}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_V4, _V6 = ipaddress.IPv4Network, ipaddress.IPv6Network

TRANSLATED = _V6("64:ff9b::/96")  # NAT64 (RFC 6052)
COMPATIBLE = _V6("::/96")  # IPv4-compatible (RFC 4291); `::` and `::1` are no such addresses
# All other IPv6 addresses are no host's. Among them are deprecated ones, and those of translators and tunnels
# that lead to an IPv4 address which they do not show (RFC 8215, Teredo).
HOSTS = (_V6("2000::/3"), _V6("fc00::/7"), _V6("::1/128"))
NO_HOSTS = (_V4("0.0.0.0/8"), _V6("2001::/32"))
# Not global by IANA's registries; `is_global` says so in newer versions of Python only.
SPECIAL = (_V4("192.0.0.0/24"), _V4("192.88.99.0/24"), _V6("3fff::/20"))
# Beside the link-local ones: Alibaba Cloud, Azure, Oracle; AWS, Google and Scaleway by IPv6.
METADATA = (
    _V4("100.100.100.200/32"),
    _V4("168.63.129.16/32"),
    _V4("192.0.0.192/32"),
    _V6("fd00:ec2::/32"),
    _V6("fd20:ce::/64"),
    _V6("fd00:42::42/128"),
)
ISATAP = (0x00005EFE, 0x02005EFE)  # before an IPv4 address at the end (RFC 5214)


class AddressRefused(AlmonerError):  # noqa: N818 - a refusal is an answer
    """Nothing is sent to this address; the text says why."""


class NameNotFound(AlmonerError):  # noqa: N818 - a state of the network
    """The host's name has no address now."""


def parts_of(url: str) -> SplitResult:
    """The parts of a webhook's address. Raises AddressRefused for an invalid one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is no address. Write it as https://host/path.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise AddressRefused("This is no address. Write it as https://host/path.")
    if (
        parts.username is not None
        or parts.fragment
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise AddressRefused("An address has no user name, no fragment and ASCII letters only.")
    if parts.scheme == "http" and not _names_loopback(parts.hostname):
        raise AddressRefused("Addresses without TLS are allowed on this machine only. Write https://.")
    return parts


def _names_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def addresses_of(parts: SplitResult, private_network: bool) -> list[str]:
    """The network addresses of a host, all of them judged.

    Raises AddressRefused if one of them is refused, and NameNotFound.
    """
    port = parts.port or PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NameNotFound("name not found") from None
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    leads_to = [_plain(ipaddress.ip_address(address)) for address in addresses]
    if parts.scheme == "http" and not all(address.is_loopback for address in leads_to):
        raise AddressRefused("Addresses without TLS are allowed on this machine only. Write https://.")
    if not all(_is_a_hosts(address) for address in leads_to):
        raise AddressRefused("This address is no host's.")
    if any(_lies_in(address, METADATA) for address in leads_to):
        raise AddressRefused("This address gives out the credentials of a cloud's machines.")
    if not private_network and not all(_is_public(address) for address in leads_to):
        raise AddressRefused(
            "This address lies in a private network, which this installation does not allow."
        )
    return addresses


def _plain(address: Address) -> Address:
    """The IPv4 address to which an IPv6 address leads; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in TRANSLATED or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        return last
    if address in COMPATIBLE and int(address) > 1:
        return last
    return address.ipv4_mapped or address.sixtofour or address


def _is_a_hosts(address: Address) -> bool:
    if _lies_in(address, NO_HOSTS) or address.is_multicast or address.is_link_local:
        return False
    return not address.is_reserved if address.version == 4 else _lies_in(address, HOSTS)


def _is_public(address: Address) -> bool:
    return address.is_global and not _lies_in(address, SPECIAL)


def _lies_in(address: Address, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
