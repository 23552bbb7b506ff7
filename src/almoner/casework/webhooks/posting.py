"""Send one POST to a configured address: with TLS and a timeout, without redirects.

Private addresses are refused unless they are allowed. The name is resolved once, and the connection goes to
the address that was checked, so that DNS cannot give another one in between.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

from almoner.errors import AlmonerError

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 20.0
PORTS = {"https": 443, "http": 80}
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(AlmonerError):  # noqa: N818 - a refusal is an answer
    """Nothing is sent to this address; the text says why."""


class NotAnswered(AlmonerError):  # noqa: N818 - a state of the other side
    """No answer came; the text names only the kind of failure."""


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
    """The network addresses of a host. Raises AddressRefused if any of them is private and that is not
    allowed."""
    port = parts.port or PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAnswered("name not found") from None
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    seen = [_plain(ipaddress.ip_address(address)) for address in addresses]
    if parts.scheme == "http" and not all(address.is_loopback for address in seen):
        raise AddressRefused("Addresses without TLS are allowed on this machine only. Write https://.")
    if any(address.is_multicast or address.is_unspecified or address.is_link_local for address in seen):
        raise AddressRefused("This address is no host's.")
    if not private_network and not all(address.is_global for address in seen):
        raise AddressRefused(
            "This address lies in a private network, which this installation does not allow."
        )
    return addresses


def _plain(address: Address) -> Address:
    """An IPv4 address that is embedded in an IPv6 address, so that it is judged as IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def post(url: str, body: bytes, headers: Mapping[str, str], private_network: bool) -> tuple[int, str | None]:
    """Send `body` and return the status and the Retry-After header. Raises AddressRefused or NotAnswered."""
    parts = parts_of(url)
    address = addresses_of(parts, private_network)[0]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with _connected(parts, address) as connection:
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Retry-After")
    except ssl.SSLError:
        raise NotAnswered("TLS failed") from None
    except TimeoutError:
        raise NotAnswered("time-out") from None
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        raise NotAnswered(f"no connection ({type(error).__name__})") from None


@contextmanager
def _connected(parts: SplitResult, address: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to `address` for the host's name; it is cut when the whole exchange takes too long."""
    port = parts.port or PORTS[parts.scheme]
    made, late = socket.create_connection((address, port), timeout=CONNECT_SECONDS), Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            made.shutdown(socket.SHUT_RDWR)

    timer = Timer(WHOLE_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        if parts.scheme == "https":
            made = trusted().wrap_socket(made, server_hostname=parts.hostname, do_handshake_on_connect=False)
            made.do_handshake()
        made.settimeout(WHOLE_SECONDS)
        connection = http.client.HTTPConnection(str(parts.hostname), port)
        connection.sock = made
        if port == PORTS[parts.scheme]:
            connection.port = connection.default_port  # so that the Host header has no port
        yield connection
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        made.close()


def trusted() -> ssl.SSLContext:
    """The certificate authorities that the machine trusts; `SSL_CERT_FILE` names others."""
    return ssl.create_default_context()
