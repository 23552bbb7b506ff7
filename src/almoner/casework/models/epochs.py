"""Which installation these tables belong to, and what they know of its facts."""

from __future__ import annotations

from django.db import models


class InstallationEpoch(models.Model):
    """The epoch that facts, casework and inbox share, in one row.

    `key_proof` is a keyed hash of the epoch under the vault's key. Until `given`, the other databases may
    lack the epoch. `facts` is how far the facts were when casework last learned of it. `begun_delivery` is
    the last delivery that the facts held when the vault was last told of new people, and `begun_first` to
    `begun_last` are their ids: if the facts never got further, these may be deleted.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=32)
    key_proof = models.CharField(max_length=64)
    given = models.BooleanField(default=False)
    facts = models.JSONField(default=dict)
    begun_delivery = models.BigIntegerField(null=True)
    begun_first = models.BigIntegerField(null=True)
    begun_last = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.epoch
