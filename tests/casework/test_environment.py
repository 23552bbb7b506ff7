"""What the environment says: each variable is in the documentation, and what is not safe is not served."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import waitress.server
from django.core.wsgi import get_wsgi_application
from django.test import Client

import command
from almoner.casework.conf import environment
from almoner.casework.conf.environment import read, second_factor_of, unsafe
from almoner.casework.conf.installation import database, secret_key
from almoner.home import Home, create
from almoner.registry.vault import create_key
from once import copied

DOCS = Path(__file__).parents[2] / "docs"
BEHIND_TLS = {"ALMONER_HTTPS": "1", "ALMONER_HOSTS": "console.example"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = create(tmp_path / "home", "base")
    create_key(made.vault_key)
    secret_key(made)
    return made


def problems(home: Home, said: dict[str, str], host: str = "127.0.0.1", debug: bool = False) -> list[str]:
    return list(unsafe(read(said), home, host, debug))


def test_what_is_safe_is_served(home: Home) -> None:
    assert problems(home, {}) == []
    assert problems(home, BEHIND_TLS, "0.0.0.0") == []  # noqa: S104


@pytest.mark.parametrize(
    ("said", "host", "reason"),
    [
        ({}, "0.0.0.0", "without TLS"),  # noqa: S104 - what must be refused
        ({}, "10.0.0.7", "without TLS"),
        ({}, "::", "without TLS"),
        ({"ALMONER_HOSTS": "*"}, "127.0.0.1", "wildcard"),
        ({"ALMONER_HOSTS": ".example"}, "127.0.0.1", "wildcard"),
        ({"ALMONER_HTTPS": "1"}, "127.0.0.1", "without ALMONER_HOSTS"),
    ],
)
def test_what_is_not_safe_is_told_in_one_sentence(
    home: Home, said: dict[str, str], host: str, reason: str
) -> None:
    found = problems(home, said, host)
    assert len(found) == 1
    assert reason in found[0]


def test_debug_and_a_demonstration_are_not_for_others(home: Home, tmp_path: Path) -> None:
    assert "DEBUG is on" in problems(home, {}, debug=True)[0]
    demo = create(tmp_path / "demo", "base", demo=True)
    create_key(demo.vault_key)
    secret_key(demo)
    assert problems(demo, {}) == []
    assert "no second factor" in problems(demo, BEHIND_TLS)[0]
    assert [second_factor_of(h, {}) for h in (home, demo, None)] == ["personal", "none", "none"]
    assert second_factor_of(demo, {"ALMONER_SECOND_FACTOR": "all"}) == "all"


@pytest.mark.parametrize("name", ["django.key", "vault.key"])
def test_a_key_that_is_missing_short_or_open_to_others_is_told(home: Home, name: str) -> None:
    key = home.folder / "secrets" / name
    key.chmod(0o640)
    assert "can be read by others" in problems(home, {})[0]
    key.chmod(0o600)
    key.write_bytes(b"short\n")
    assert "too short" in problems(home, {})[0]
    key.unlink()
    assert "is missing" in problems(home, {})[0]


def test_each_variable_is_read_in_one_place_and_documented() -> None:
    page = (DOCS / "deployment.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"ALMONER_[A-Z_]+", str(environment.__doc__)))
    source = Path(str(environment.__file__)).read_text(encoding="utf-8")
    elsewhere = {"ALMONER_DATABASE_URL", "ALMONER_TIME_ZONE"}
    assert set(re.findall(r'"(ALMONER_[A-Z_]+)"', source)) | elsewhere == documented
    assert [name for name in sorted(documented) if f"`{name}`" not in page] == []


def test_tls_to_the_database_is_asked_for_in_its_address(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "ALMONER_DATABASE_URL", "postgresql://me:secret@db.example/cases?sslmode=verify-full&x=1"
    )
    options = database(home)["OPTIONS"]
    assert "jit=off" in options.pop("options")  # our own
    assert options == {"sslmode": "verify-full"}


COOKIES = """
import json; from pathlib import Path; import sys
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.test import Client
browser = Client(headers={"X-Forwarded-Proto": "https", "Host": "console.example"})
pages = [browser.get("/sign-in/"), browser.post("/language/", {"language": "en"}), browser.get("/queue/")]
cookies = {name: [c["secure"], c["path"], c["domain"]] for p in pages for name, c in p.cookies.items()}
browser.post("/household/", {"code": "wrong", "fact": "0000"})
print(json.dumps([cookies, sorted(browser.cookies)]))
"""


def test_behind_tls_no_cookie_can_be_set_by_another_host_and_none_holds_a_message(
    base_home: Path, tmp_path: Path
) -> None:
    place = copied(base_home, tmp_path / "home")
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
    done = command.run(place, env=outside | BEHIND_TLS, program=COOKIES)
    cookies, kept = json.loads(done.stdout)
    assert cookies["__Host-csrftoken"] == cookies["__Host-django_language"] == [True, "/", ""]
    assert all(name.startswith("__Host-") for name in kept)
    assert environment.cookie_name("sessionid", https=True) == "__Host-sessionid"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/sign-in/", "/api/openapi.json", "/nowhere/", "/static/casework/console.css"]
)
def test_no_other_site_embeds_anything_and_no_page_uses_the_device(path: str) -> None:
    response = Client().get(path)
    if response.streaming:  # a file is closed by who reads it
        b"".join(response.streaming_content)
    headers = response.headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    forbidden = headers["Permissions-Policy"].split(", ")
    assert {"camera=()", "microphone=()", "geolocation=()", "usb=()"} <= set(forbidden)


@pytest.mark.django_db
def test_behind_tls_forms_come_through_and_cookies_are_secure(settings: Any) -> None:
    """Over the real server: it must leave the headers that the proxy adds."""
    from almoner.casework.server import options

    settings.HTTPS = settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS, settings.SECURE_PROXY_SSL_HEADER = 60, ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["console.example"]
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = waitress.server.create_server(get_wsgi_application(), sockets=[listening], **options())
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        proxied = {"Host": "console.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        time.sleep(0.1)
        browser = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1])
        browser.request("GET", "/sign-in/", headers=proxied)
        page = browser.getresponse()
        cookie = str(page.headers["Set-Cookie"])
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page.read().decode())
        assert page.headers["Strict-Transport-Security"] == "max-age=60"
        assert "Secure" in cookie
        assert token is not None
        sent = proxied | {
            "Cookie": cookie.partition(";")[0],
            "Origin": "https://console.example",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        browser.request("POST", "/language/", f"csrfmiddlewaretoken={token[1]}&language=zh-hans", sent)
        assert browser.getresponse().status == 302
        browser.close()
        server.task_dispatcher.shutdown()  # nobody answers any more, so the loop can end in its own thread
        server.trigger.pull_trigger(server.close)
        thread.join(10)
        assert not thread.is_alive()
