"""The environment variables that configure the console. All of them are read in this module, except for
ALMONER_DATABASE_URL (`installation`) and ALMONER_TIME_ZONE, which every command reads.

Each variable with its default in parentheses:

- ALMONER_HTTPS (0): 1: a proxy terminates TLS; cookies are secure, HSTS is sent, forwarded headers count
- ALMONER_HOSTS (loopback only): the host names by which the console is reached, separated by spaces
- ALMONER_DATABASE_URL (SQLite in HOME): postgresql://user:password@host:port/name?sslmode=verify-full
- ALMONER_TIME_ZONE (the machine's): the installation's time zone, such as Etc/UTC (`almoner.local_time`)
- ALMONER_IDLE_MINUTES (30): a session ends after so many minutes without a request
- ALMONER_SESSION_HOURS (10): a session ends so many hours after signing in, even while it is in use
- ALMONER_SECOND_FACTOR (personal): who needs one: personal, all, none, or roles separated by commas
- ALMONER_FILE_MIB (8): the largest size of a case's file, in MiB
- ALMONER_FILE_MEGAPIXELS (40): the largest size of a photo, in megapixels
- ALMONER_FILES_A_CASE (30): how many files a case may have
- ALMONER_CHECKPOINT_FOLDER (none): the folder outside for a signed checkpoint of the audit trail a day
- ALMONER_CHECKPOINT_MAIL (none): the mail address that gets one each day
- ALMONER_SMTP (none): the mail server: smtp://host:25 or smtps://user:password@host:465
- ALMONER_OIDC_ISSUER (none): the https address of the authority's OpenID Connect provider
- ALMONER_OIDC_CLIENT (none): the client id at the provider
- ALMONER_OIDC_SECRET (none): the client secret at the provider
- ALMONER_OIDC_NAME (OpenID Connect): the provider's name on the sign-in page
- ALMONER_OIDC_CLAIM (preferred_username): the claim that is compared with the name an administrator entered
- ALMONER_OIDC_SECOND_FACTOR (0): 1: the provider asks for a second factor itself
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from almoner.errors import HomeError
from almoner.home import Home

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SHORTEST_KEY = 40  # characters
PROVIDER = "authority"  # the provider's id, in addresses and in the database


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The authority's own OpenID Connect provider."""

    issuer: str
    client: str
    secret: str = field(repr=False)
    name: str = "OpenID Connect"
    claim: str = "preferred_username"
    asks_second_factor: bool = False


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The values of the variables, checked."""

    https: bool
    hosts: tuple[str, ...]
    idle_minutes: int
    session_hours: int
    second_factor: str  # empty: not set
    provider: Provider | None
    file_mib: int
    file_megapixels: int
    files_a_case: int
    checkpoint_folder: str
    checkpoint_mail: str
    smtp: str = field(repr=False)


def read(variables: Mapping[str, str]) -> Environment:
    """Read and check the variables. Raises HomeError for an invalid value."""
    return Environment(
        https=_flag(variables, "ALMONER_HTTPS"),
        hosts=tuple(variables.get("ALMONER_HOSTS", "").split()),
        idle_minutes=_number(variables, "ALMONER_IDLE_MINUTES", 30, 24 * 60),
        session_hours=_number(variables, "ALMONER_SESSION_HOURS", 10, 24 * 7),
        second_factor=variables.get("ALMONER_SECOND_FACTOR", "").strip(),
        provider=_provider(variables),
        file_mib=_number(variables, "ALMONER_FILE_MIB", 8, 64),
        file_megapixels=_number(variables, "ALMONER_FILE_MEGAPIXELS", 40, 200),
        files_a_case=_number(variables, "ALMONER_FILES_A_CASE", 30, 1_000),
        checkpoint_folder=variables.get("ALMONER_CHECKPOINT_FOLDER", "").strip(),
        checkpoint_mail=variables.get("ALMONER_CHECKPOINT_MAIL", "").strip(),
        smtp=_mail_server(variables),
    )


def second_factor_of(home: Home | None, variables: Mapping[str, str] | None = None) -> str:
    """Who needs a second factor: as the environment says; by default nobody in a demonstration."""
    setting = (os.environ if variables is None else variables).get("ALMONER_SECOND_FACTOR", "").strip()
    return setting or ("none" if home is None or home.settings.demo else "personal")


def cookie_name(name: str, https: bool) -> str:
    """The name of a cookie. Behind TLS its prefix makes browsers refuse one that another host of the domain,
    or a page without TLS, has set."""
    return f"__Host-{name}" if https else name


def unsafe(environment: Environment, home: Home, host: str, debug: bool) -> Iterator[str]:
    """The reasons why it is unsafe to serve the console on `host`, each as a sentence."""
    if debug:
        yield "DEBUG is on: it shows settings and data to everybody. Turn it off."
    if any(name == "*" or name.startswith((".", "*")) for name in environment.hosts):
        yield "ALMONER_HOSTS has a wildcard: write the names by which the console is reached."
    open_to_others = not _is_loopback(host)
    if open_to_others and not environment.https:
        yield (
            f"{host} can be reached from outside without TLS: put a proxy before the console and set"
            " ALMONER_HTTPS=1."
        )
    if environment.https and not environment.hosts:
        yield "ALMONER_HTTPS=1 without ALMONER_HOSTS: write the names by which the console is reached."
    if home.settings.demo and (open_to_others or environment.https):
        yield (
            "A demonstration asks for no second factor: it is served on the loopback only. Make an"
            " installation with: almoner init HOME --pack PACK"
        )
    yield from unsafe_keys(home)


def unsafe_keys(home: Home) -> Iterator[str]:
    """The reasons why the keys of an installation are not as they must be, each as a sentence."""
    audit_key = home.folder / "secrets" / "audit.key"  # made with the first checkpoint
    for key in (home.folder / "secrets" / "django.key", home.vault_key, *[audit_key] * audit_key.exists()):
        yield from _key_is_safe(key)


def _key_is_safe(path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"{path} is missing: restore it from the copy that you keep apart."
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield f"{path} can be read by others: chmod 600 {path}"
    elif len(path.read_bytes().strip()) < SHORTEST_KEY:
        yield f"{path} is too short for a key: restore it from the copy that you keep apart."


def _provider(variables: Mapping[str, str]) -> Provider | None:
    required = ("ALMONER_OIDC_ISSUER", "ALMONER_OIDC_CLIENT", "ALMONER_OIDC_SECRET")
    values = [variables.get(name, "").strip() for name in required]
    if not any(values):
        return None
    if not all(values):
        missing = ", ".join(name for name, value in zip(required, values, strict=True) if not value)
        raise HomeError(f"Sign-in by OpenID Connect needs {missing} as well.")
    issuer = urlsplit(values[0])
    if issuer.scheme != "https" and not (issuer.scheme == "http" and _is_loopback(issuer.hostname or "")):
        raise HomeError("ALMONER_OIDC_ISSUER must begin with https://.")
    return Provider(
        issuer=values[0],
        client=values[1],
        secret=values[2],
        name=variables.get("ALMONER_OIDC_NAME") or Provider.name,
        claim=variables.get("ALMONER_OIDC_CLAIM") or Provider.claim,
        asks_second_factor=_flag(variables, "ALMONER_OIDC_SECOND_FACTOR"),
    )


def providers_of(provider: Provider | None) -> dict[str, Any]:
    """The provider's settings for django-allauth: code flow with PKCE."""
    if provider is None:
        return {}
    app = {
        "provider_id": PROVIDER,
        "name": provider.name,
        "client_id": provider.client,
        "secret": provider.secret,
        "settings": {"server_url": provider.issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def _mail_server(variables: Mapping[str, str]) -> str:
    address = variables.get("ALMONER_SMTP", "").strip()
    if address:
        try:
            parts = urlsplit(address)
            found = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
        except ValueError:
            found = None
        if not found:
            raise HomeError("ALMONER_SMTP reads smtp://host:25 or smtps://user:password@host:465.")
    elif variables.get("ALMONER_CHECKPOINT_MAIL", "").strip():
        raise HomeError("ALMONER_CHECKPOINT_MAIL needs the mail server in ALMONER_SMTP as well.")
    return address


def _flag(variables: Mapping[str, str], name: str) -> bool:
    value = variables.get(name, "0").strip() or "0"
    if value not in {"0", "1"}:
        raise HomeError(f"{name} is 0 or 1, not {value!r}.")
    return value == "1"


def _number(variables: Mapping[str, str], name: str, usual: int, most: int) -> int:
    value = variables.get(name, "").strip() or str(usual)
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
        raise HomeError(f"{name} is a whole number from 1 to {most}, not {value!r}.")
    return int(value)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
