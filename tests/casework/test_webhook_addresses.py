"""Where messages to departments may go: addresses, names and certificates."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.contrib.auth.models import User

from almoner.casework.models import Case
from almoner.casework.webhooks import endpoints, sending
from almoner.casework.webhooks.addresses import AddressRefused, addresses_of, parts_of
from almoner.casework.webhooks.posting import NotAnswered, post
from casework.moves import confirmed
from casework.receiver import Receiver, receiving
from casework.sent_messages import now, waits

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def secret(case: Case, receiver: Receiver) -> str:
    """The relief office listens."""
    made = endpoints.listen("relief", receiver.url, True)
    assert made is not None
    return made


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Resolve hook.example to these addresses, one answer after the other. Gives the list of look-ups."""
    real, asked = socket.getaddrinfo, list[str]()

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "hook.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        listed = answers[min(len(asked), len(answers)) - 1]
        return [found for address in listed for found in real(address, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


INSIDE = [
    "127.0.0.1",
    "10.0.0.8",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.8",
    "64:ff9b::a00:8",
    "2002:a00:8::1",
    "192.0.2.1",
    "198.18.0.1",
    "192.0.0.170",
    "192.88.99.1",
    "::10.0.0.8",
    "2001:db8::5efe:a00:8",
    "2001:db8::1",
    "3fff::1",
]


NO_HOST = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "169.254.169.254",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff0e::1",
    "100::1",
    "4000::1",
    "5f00::1",
    "64:ff9b:1::a00:8",
    "2001:0:a00:8::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00::5efe:a9fe:a9fe",
]
CREDENTIALS = [
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:100.100.100.200",
    "::100.100.100.200",
    "64:ff9b::a83f:8110",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
]
PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", [*INSIDE, *NO_HOST, *CREDENTIALS])
def test_an_address_inside_is_refused_even_beside_a_public_one(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolving(monkeypatch, ["8.8.8.8", address])
    with pytest.raises(AddressRefused):
        addresses_of(parts_of("https://hook.example/"), private_network=False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_private_network_is_told_where_that_was_allowed(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolving(monkeypatch, [address])
    assert addresses_of(parts_of("https://hook.example/"), private_network=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address])
    assert addresses_of(parts_of("https://hook.example/"), private_network=False) == [address]


@pytest.mark.parametrize("url", ["https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://[::]/"])
def test_an_odd_spelling_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        addresses_of(parts_of(url), private_network=False)


@pytest.mark.parametrize("address", [*NO_HOST, *CREDENTIALS])
def test_a_machines_own_services_are_never_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address])
    with pytest.raises(AddressRefused):
        addresses_of(parts_of("https://hook.example/"), private_network=True)


def test_this_machine_is_not_told_unless_that_was_allowed(
    case: Case, worker: User, receiver: Receiver
) -> None:
    endpoints.listen("relief", receiver.url, False)
    confirmed(case, worker)
    sending.deliver()
    assert waits().failure == "address refused"
    assert receiver.got == []
    endpoints.listen("relief", None, True)
    assert sending.deliver(now() + dt.timedelta(minutes=1)) == sending.Sent(delivered=1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Self-signed, of hook.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.example")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    with receiving(certificate) as started:
        yield started


Trust = Callable[[], None]


@pytest.fixture
def trust(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Trust:
    return lambda: monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def test_a_certificate_that_nobody_trusts_is_refused_and_one_of_the_authority_accepted(
    case: Case, worker: User, tls: Receiver, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    endpoints.listen("relief", f"https://hook.example:{tls.port}/hook", True)
    confirmed(case, worker)
    sending.deliver()
    assert (waits().failure, tls.got) == ("TLS failed", [])
    trust()
    assert sending.deliver(now() + dt.timedelta(minutes=1)) == sending.Sent(delivered=1)
    assert tls.got[0].headers["host"] == f"hook.example:{tls.port}"


def test_a_certificate_of_another_name_is_refused(tls: Receiver, trust: Trust) -> None:
    trust()
    with pytest.raises(NotAnswered, match="TLS failed"):
        post(f"https://127.0.0.1:{tls.port}/", b"{}", {}, True)


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(
    tls: Receiver, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust()
    asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    assert post(f"https://hook.example:{tls.port}/hook?a=1", b"{}", {}, True) == (204, None)
    assert (len(asked), tls.got[0].path) == (1, "/hook?a=1")
    with pytest.raises(AddressRefused):
        post(f"https://hook.example:{tls.port}/", b"{}", {}, True)


def test_no_other_address_is_connected_to_than_the_one_that_was_checked(
    tls: Receiver, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the name leads to a moment later: the connection is asked for by address, not by name."""
    trust()
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    connected, real = list[tuple[str, int]](), socket.create_connection

    def connect(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        made = real(address, *rest, **more)
        connected.append(made.getpeername())
        return made

    monkeypatch.setattr(socket, "create_connection", connect)
    assert post(f"https://hook.example:{tls.port}/", b"{}", {}, True) == (204, None)
    assert (connected, asked) == ([("127.0.0.1", tls.port)], ["hook.example"])


def test_an_answer_without_the_end_of_tls_is_cut_off(
    certificate: tuple[Path, Path], trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            made, _address = server.accept()
            with context.wrap_socket(made, server_side=True) as connection:
                received = b""
                while not received.endswith(b"\r\n\r\n{}"):
                    received += connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nrec")

        thread = Thread(target=serve)
        thread.start()
        resolving(monkeypatch, ["127.0.0.1"])
        with pytest.raises(NotAnswered, match="answer cut off"):
            post(f"https://hook.example:{server.getsockname()[1]}/", b"{}", {}, True)
        thread.join()


def test_a_name_that_nobody_has_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotAnswered, match="name not found"):
        post("https://hook.example/", b"{}", {}, False)
