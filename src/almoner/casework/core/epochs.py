"""Casework's side of an installation's epoch (see `almoner.installation.epochs`)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Q

from almoner.casework.models import ChainHead, Identity, InstallationEpoch, OutboxPosition
from almoner.errors import HomeError
from almoner.home import Home
from almoner.registry import epochs as registry_epochs
from almoner.registry.vault import BegunDelivery, open_vault
from almoner.stream.opened_inbox import open_inbox


@dataclass(frozen=True, kw_only=True)
class CaseworkEpoch:
    """The row of `InstallationEpoch`, without what the vault has noted."""

    epoch: str
    key_proof: str
    given: bool
    facts: Mapping[str, int]


def held() -> CaseworkEpoch | None:
    """The epoch of casework; None before one was begun."""
    row = InstallationEpoch.objects.filter(pk=1).first()
    if row is None:
        return None
    return CaseworkEpoch(epoch=row.epoch, key_proof=row.key_proof, given=row.given, facts=row.facts)


def refuse_unfit(home: Home) -> None:
    """Raise HomeError when casework, its key and the inbox are not of one installation: what the console can
    tell without the facts, which a worker holds."""
    found = held()
    vault = open_vault(home.vault_key)
    if found is None or not hmac.compare_digest(found.key_proof, registry_epochs.proof(vault, found.epoch)):
        raise HomeError(
            f"Casework's database and {home.vault_key} are not of one installation. Put back the copies that"
            " belong together, or restore everything from one backup."
        )
    with closing(open_inbox(home.folder, vault)) as inbox:
        if found.given and inbox.epoch() != found.epoch:
            raise HomeError(
                f"The inbox of {home.folder} is of another installation, or of before or after a restore."
                " Nothing was changed. Put back the one of the same time, or restore everything from one"
                " backup."
            )


def begin(epoch: str, key_proof: str) -> None:
    """Begin an epoch that the other databases do not have yet. What was known belongs to the one before."""
    with transaction.atomic():
        InstallationEpoch.objects.filter(pk=1).delete()
        InstallationEpoch.objects.create(pk=1, epoch=epoch, key_proof=key_proof)


def set_given() -> None:
    """Note that all databases have the epoch."""
    InstallationEpoch.objects.filter(pk=1).update(given=True)


def position() -> dict[str, int]:
    """How far casework is: the last event of the audit trail, the last change applied, the last person of
    the vault."""
    return {
        "event": ChainHead.objects.filter(pk=1).values_list("number", flat=True).first() or 0,
        "change": OutboxPosition.objects.filter(pk=1).values_list("seq", flat=True).first() or 0,
        "person": Identity.objects.aggregate(last=Max("person_id"))["last"] or 0,
    }


def learn(facts: Mapping[str, int]) -> None:
    """Store how far the facts are; nothing is written when that is known already."""
    InstallationEpoch.objects.filter(pk=1).exclude(facts=dict(facts)).update(facts=dict(facts))


def note_begun(begun: BegunDelivery) -> None:
    """Note, in the transaction of its first write, that a delivery with new people has begun."""
    row = InstallationEpoch.objects.filter(pk=1).values_list("begun_delivery", "begun_first", "begun_last")
    before, first, last = row.first() or (None, None, None)
    if before == begun.after_delivery and first is not None and last is not None:
        first, last = min(first, begun.first), max(last, begun.last)
    else:
        first, last = begun.first, begun.last
    InstallationEpoch.objects.filter(pk=1).update(
        begun_delivery=begun.after_delivery, begun_first=first, begun_last=last
    )


def discard_unfinished(person_id: int, delivery_id: int) -> int:
    """Delete the people above `person_id`, the last of the facts, that a begun delivery left: the facts hold
    deliveries up to `delivery_id`, the last one before it. Gives their number.

    Raises HomeError when there are others. Then nothing is deleted.
    """
    above = Identity.objects.filter(person_id__gt=person_id)
    with transaction.atomic():
        if not above.exists():
            return 0
        row = InstallationEpoch.objects.select_for_update().filter(pk=1).first()
        left = Q(pk__in=[])
        if row and row.begun_delivery == delivery_id:
            left = Q(person_id__gte=row.begun_first, person_id__lte=row.begun_last)
        others = above.exclude(left).count()
        if others:
            raise HomeError(
                f"The vault holds {above.count():,} people whom the facts do not know and no interrupted"
                " delivery left: the facts are older than casework. Nothing was deleted. Put back the facts"
                " of the same time, or restore facts and casework together from one backup (almoner restore)."
            )
        return above.delete()[0]


def discard_above(person_id: int) -> int:
    """Delete the people above `person_id`, because somebody has said so. Gives their number."""
    return Identity.objects.filter(person_id__gt=person_id).delete()[0]
