"""Takes in the files that a person names on the command line."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almoner import casework
from almoner.errors import AlmonerError, DeliveryRefused, EngineError
from almoner.home import now
from almoner.installation.opening import Installation
from almoner.progress import progress
from almoner.registry.deliveries import Delivery, DeliveryReceipt, take_in
from almoner.registry.heads import Stated
from almoner.stream.slice_failures import ends_engine, is_of_disk

MANIFEST = "manifest.json"
CLOCKS_DIFFER = dt.timedelta(minutes=10)  # a time of receipt may lie ahead by so much


def deliveries_in(
    paths: Sequence[Path],
    feeds: Sequence[str],
    feed: str | None,
    received_at: dt.datetime,
    through: dt.date | None,
) -> list[Delivery]:
    """The deliveries to take in, in order: files as given, and a folder in the order of its manifest."""
    deliveries: list[Delivery] = []
    for path in paths:
        if path.is_dir():
            deliveries += _listed(path)
        else:
            deliveries.append(Delivery(path, feed or feed_of(path, feeds), received_at, through))
    return deliveries


def _listed(folder: Path) -> list[Delivery]:
    try:
        entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["deliveries"]
        return [_of_entry(folder, entry) for entry in entries]
    except FileNotFoundError:
        raise AlmonerError(f"{folder} has no {MANIFEST}. Name the files instead.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise AlmonerError(
            f"{folder / MANIFEST} cannot be read ({error!r}). See docs/deliveries.md for its form."
        ) from None


def _of_entry(folder: Path, entry: Mapping[str, Any]) -> Delivery:
    def day(name: str) -> dt.date | None:
        return dt.date.fromisoformat(entry[name]) if entry.get(name) else None

    return Delivery(
        folder / Path(entry["file"]).name,
        entry["feed"],
        dt.datetime.fromisoformat(entry["received_at"]),
        day("complete_through"),
        Stated(
            day("complete_since"),
            None if entry.get("rows") is None else int(entry["rows"]),
            entry.get("sha256"),
        ),
    )


def feed_of(path: Path, feeds: Sequence[str]) -> str:
    """The feed with the longest id that the file's name begins with. Raises DeliveryRefused for none."""
    fitting = [feed for feed in feeds if path.name.startswith(feed)]
    if not fitting:
        raise DeliveryRefused(
            f"{path.name}: the name begins with no feed of the pack. Rename it, or write --feed; feeds are"
            f" {', '.join(sorted(feeds))}."
        )
    return max(fitting, key=len)


@dataclass(frozen=True)
class Refusal:
    """A delivery that was refused whole."""

    file: str
    message: str


def take_in_all(inst: Installation, deliveries: Sequence[Delivery]) -> Iterator[DeliveryReceipt | Refusal]:
    """Take deliveries in one after the other; a refused one does not stop the next."""
    store = casework.identities()
    with progress("Intake", len(deliveries)) as advance:
        for delivery in deliveries:
            try:
                feed = inst.pack.feeds.get(delivery.feed)
                _refuse_ahead(delivery)
                yield take_in(
                    inst.engine,
                    inst.vault,
                    store,
                    inst.pack.feeds,
                    delivery,
                    note=inst.noting(feed) if feed else None,
                )
            except DeliveryRefused as refused:
                yield Refusal(delivery.file.name, str(refused))
            except EngineError as error:
                if is_of_disk(error) or ends_engine(error):
                    raise
                yield Refusal(delivery.file.name, f"{delivery.file.name} cannot be taken in. {error}")
            advance()


def _refuse_ahead(delivery: Delivery) -> None:
    """Refuse a delivery that is said to have come after now: it would lock its feed until that day."""
    if delivery.received_at > now() + CLOCKS_DIFFER:
        raise DeliveryRefused(
            f"{delivery.file.name} is said to have come at {delivery.received_at}, which lies ahead: it is"
            f" {now()} now. Correct the time of receipt, or the clock of this machine."
        )
