"""The addresses of departments' systems and the secrets that sign for them.

The installation stores them, never the pack; secrets are sealed with the vault's key.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Department, Endpoint, OutgoingEvent
from almoner.casework.webhooks.addresses import parts_of
from almoner.casework.webhooks.signing import new_secret
from almoner.errors import AlmonerError
from almoner.policy.model.pack import CONSOLE

BOTH_SIGN = dt.timedelta(days=7)  # so long after a rotation the old secret signs too


@dataclass(frozen=True)
class Target:
    """The address of a department's system now, and the secrets that sign for it."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    private_network: bool


def listen(department: str, url: str | None, private_network: bool | None) -> str | None:
    """Set where a department's system listens; None keeps the stored value.

    Returns the secret of a new endpoint, to be shown once; None for an existing one. Raises AlmonerError.
    """
    found = Department.objects.filter(pk=department).first()
    if found is None:
        known = ", ".join(Department.objects.order_by("pk").values_list("pk", flat=True))
        raise AlmonerError(f"There is no department {department!r}. Choose one of: {known}.")
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(pk=department).first()
        secret = None if endpoint else new_secret()
        endpoint = endpoint or Endpoint(department=department, secret=_sealed(department, secret))
        endpoint.url = endpoint.url if url is None else url
        endpoint.private_network = endpoint.private_network if private_network is None else private_network
        parts_of(_url(endpoint, found.inbox))
        endpoint.save()
    return secret


def rotate(department: str, now: dt.datetime) -> str:
    """Create a new secret and return it, to be shown once. The old one signs too for seven days."""
    with transaction.atomic():
        endpoint = _endpoint(department)
        secret = new_secret()
        endpoint.former_secret, endpoint.rotated_at = bytes(endpoint.secret), now
        endpoint.secret = _sealed(department, secret)
        endpoint.save()
    return secret


def stop(department: str, now: dt.datetime) -> int:
    """Stop notifying a department. Returns how many waiting events were given up."""
    with transaction.atomic():
        _endpoint(department).delete()
        waiting = OutgoingEvent.objects.filter(department=department, delivered_at=None, given_up_at=None)
        return waiting.update(given_up_at=now, failure="stopped")


@dataclass(frozen=True)
class Listening:
    """Where a department's system listens, for display; without its secret."""

    department: str
    url: str
    private_network: bool
    both_sign_until: dt.datetime | None


def listening(now: dt.datetime) -> list[Listening]:
    """All departments whose systems listen."""
    inboxes = dict(Department.objects.values_list("pk", "inbox"))
    found = []
    for endpoint in Endpoint.objects.order_by("pk"):
        until = endpoint.rotated_at + BOTH_SIGN if endpoint.rotated_at and endpoint.former_secret else None
        url = endpoint.url or inboxes.get(endpoint.department, "")
        found.append(
            Listening(
                endpoint.department, url, endpoint.private_network, until if until and until > now else None
            )
        )
    return found


def target_of(department: str, now: dt.datetime) -> Target | None:
    """The department's target; None when it does not listen any more. Raises VaultError without the key."""
    endpoint = Endpoint.objects.filter(pk=department).first()
    inbox = Department.objects.filter(pk=department).values_list("inbox", flat=True).first()
    if endpoint is None or inbox is None:
        return None
    secrets = [_opened(department, bytes(endpoint.secret))]
    if endpoint.former_secret and endpoint.rotated_at and now < endpoint.rotated_at + BOTH_SIGN:
        secrets.append(_opened(department, bytes(endpoint.former_secret)))
    return Target(_url(endpoint, inbox), tuple(secrets), endpoint.private_network)


def _url(endpoint: Endpoint, inbox: str) -> str:
    url = endpoint.url or inbox
    if url == CONSOLE:
        raise AlmonerError(f"The pack names no address of {endpoint.department}. Give one with --url.")
    return url


def _endpoint(department: str) -> Endpoint:
    found = Endpoint.objects.select_for_update().filter(pk=department).first()
    if found is None:
        raise AlmonerError(f"No system of {department!r} is notified. Begin with: almoner webhook set")
    return found


def _sealed(department: str, secret: str | None) -> bytes:
    sealed = opened_vault(str(settings.VAULT_KEY)).seal(0, f"webhook:{department}", secret)
    assert sealed is not None  # noqa: S101 - a secret is never empty
    return sealed


def _opened(department: str, sealed: bytes) -> str:
    return opened_vault(str(settings.VAULT_KEY)).open(0, f"webhook:{department}", sealed) or ""
