"""Checkpoints of the audit trail: the heads of all chains at one moment, signed, to be kept outside.

A chain that was cut at its end, computed anew, or replaced by an older copy is consistent in itself. It does
not fit a checkpoint that was made before. The text has the shape of a C2SP tlog checkpoint: origin, number
and hash of the trail, then a line for each of the other chains and one for the time.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from almoner.casework.core.chains import CHAINS, EVENTS, FIRST, Chain
from almoner.casework.core.signed_notes import NoteRefused
from almoner.casework.models import ChainHead

MADE = "made"


@dataclass(frozen=True)
class SignedHeads:
    """The number and hash of each chain's last record at a moment (local time), by the chain's name."""

    made_at: dt.datetime
    heads: Mapping[str, tuple[int, str]]

    def text(self, origin: str) -> str:
        number, last = self.heads[EVENTS.name]
        lines = [origin, str(number), _encoded(last)]
        lines += [f"{name} {n} {_encoded(h)}" for name, (n, h) in self.heads.items() if name != EVENTS.name]
        return "\n".join([*lines, f"{MADE} {self.made_at.isoformat(timespec='seconds')}", ""])


def present_heads(now: dt.datetime) -> SignedHeads:
    """The heads of all chains as they are now."""
    heads = {head.pk: (head.number, head.hash) for head in ChainHead.objects.all()}
    return SignedHeads(now, {chain.name: heads.get(chain.head, (0, FIRST)) for chain in CHAINS})


def read_heads(text: str) -> SignedHeads:
    """The heads in the text of a checkpoint. Raises NoteRefused for another text."""
    try:
        _origin, number, last, *lines = text.splitlines()
        heads, made_at = {EVENTS.name: (int(number), _decoded(last))}, None
        for line in lines:
            name, _space, rest = line.partition(" ")
            if name == MADE:
                made_at = dt.datetime.fromisoformat(rest)
                continue
            count, _space, encoded = rest.partition(" ")
            heads[name] = (int(count), _decoded(encoded))
    except (ValueError, binascii.Error):
        raise NoteRefused("This is a signed text, but no checkpoint of an audit trail.") from None
    if made_at is None or not heads.keys() <= {chain.name for chain in CHAINS}:
        raise NoteRefused("This checkpoint is of another version of Almoner. Verify it with that version.")
    return SignedHeads(made_at, heads)


def differences(known: SignedHeads) -> Iterator[str]:
    """How the chains differ from a checkpoint that was made before, each as a sentence; none if they go on
    from it."""
    for chain in CHAINS:
        number, known_hash = known.heads.get(chain.name, (0, FIRST))
        if number == 0:
            continue
        head = ChainHead.objects.filter(pk=chain.head).first()
        last = head.number if head else 0
        when = known.made_at.isoformat(" ", timespec="minutes")
        if last < number:
            yield (
                f"The chain of {chain.name} ends at line {last}, but had reached line {number} on {when}:"
                " lines were cut off, or an older copy is in place."
            )
        elif _hash_at(chain, number) != known_hash:
            yield (
                f"Line {number} of the chain of {chain.name} is not the one of {when}: the chain was computed"
                " anew, or goes on from an older copy."
            )


def _hash_at(chain: Chain, number: int) -> str | None:
    return chain.model._default_manager.filter(pk=number).values_list("hash", flat=True).first()


def _encoded(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _decoded(text: str) -> str:
    data = base64.b64decode(text, validate=True)
    if len(data) != 32:
        raise ValueError(text)
    return data.hex()
