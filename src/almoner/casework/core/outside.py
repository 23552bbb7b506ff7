"""Take a signed checkpoint of the audit trail once a day to a place outside: a folder, or a mail address.

The place should be one that whoever administers this machine cannot write over: a share of the auditor's, a
disk that is written once, a mailbox. The latest checkpoint also stays in HOME, and the trail is compared with
it before the next one is made.
"""

from __future__ import annotations

import datetime as dt
import os
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from threading import Event as Flag
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import Error, connections

from almoner.casework.conf.environment import LOOPBACK, Environment
from almoner.casework.core.inbox import home
from almoner.casework.core.signed_heads import SignedHeads, differences, present_heads, read_heads
from almoner.casework.core.signed_notes import NoteKey, NoteSigner, open_note, open_signer
from almoner.errors import AlmonerError
from almoner.home import Home
from almoner.stream.log import log_line

KEY, LATEST = Path("secrets", "audit.key"), Path("audit", "latest.txt")
SECONDS, SECONDS_AFTER_TROUBLE = 60.0, 600.0  # between looks at the clock
MAIL_SECONDS = 30.0


class TrailDiffers(AlmonerError):  # noqa: N818 - a state of the records
    """The trail is not the one of an earlier checkpoint; the text says how."""


@dataclass(frozen=True)
class KeptOutside:
    """A checkpoint that was taken outside, and to which places."""

    note: str
    places: tuple[str, ...]


def signer(place: Home) -> NoteSigner:
    """The installation's own signer; its key is made when it is first needed."""
    return open_signer(place.folder / KEY)


def latest(place: Home) -> SignedHeads | None:
    """The latest checkpoint that was taken outside; None before the first. Raises NoteRefused when it was
    changed."""
    try:
        note = (place.folder / LATEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return read_heads(open_note(note, signer(place).public))


def is_configured(environment: Environment) -> bool:
    return bool(environment.checkpoint_folder or environment.checkpoint_mail)


def take(place: Home, environment: Environment, now: dt.datetime) -> KeptOutside:
    """Sign the heads of all chains and take them to every place that the environment names.

    Raises TrailDiffers when the chains do not go on from the latest checkpoint, and AlmonerError when a place
    cannot be reached; then the latest checkpoint stays as it was.
    """
    before = latest(place)
    for difference in differences(before) if before else ():
        raise TrailDiffers(
            f"{difference} Nothing was signed. If you restored an older copy on purpose, put"
            f" {place.folder / LATEST} away and try again."
        )
    signs = signer(place)
    note = signs.sign(present_heads(now).text(signs.public.name))
    places = tuple(_taken(note, signs.public.name, environment, now))
    _write(place.folder / LATEST, note, replace=True)
    return KeptOutside(note, places)


def _taken(note: str, name: str, environment: Environment, now: dt.datetime) -> Iterator[str]:
    if environment.checkpoint_folder:
        path = Path(environment.checkpoint_folder, f"{name}-{now:%Y%m%dT%H%M%S}.txt")
        _write(path, note)
        yield str(path)
    if environment.checkpoint_mail:
        _mail(note, name, environment)
        yield environment.checkpoint_mail


def _write(path: Path, note: str, *, replace: bool = False) -> None:
    """Write a file that everybody who reaches its folder may read: it holds numbers and hashes only."""
    partial = path.with_name(f".{path.name}.partial") if replace else path
    how = os.O_TRUNC if replace else os.O_EXCL
    try:
        if replace:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | how, 0o600 if replace else 0o644), "wb"
        ) as f:
            f.write(note.encode())
            f.flush()
            os.fsync(f.fileno())
        if replace:
            partial.replace(path)
    except FileExistsError:
        raise AlmonerError(f"{path} is there already: a checkpoint is never written over.") from None
    except OSError as error:
        raise AlmonerError(
            f"The checkpoint cannot be written to {path.parent}: {error.strerror}. Mount or mend the folder"
            " that ALMONER_CHECKPOINT_FOLDER names."
        ) from None


def _mail(note: str, name: str, environment: Environment) -> None:
    server = urlsplit(environment.smtp)
    host, message = server.hostname or "", EmailMessage()
    message["From"] = f"almoner@{environment.hosts[0] if environment.hosts else 'localhost'}"
    message["To"], message["Subject"] = environment.checkpoint_mail, f"Checkpoint of {name}"
    message.set_content(note)
    trusted = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(host, server.port or 465, timeout=MAIL_SECONDS, context=trusted)
            if server.scheme == "smtps"
            else smtplib.SMTP(host, server.port or 25, timeout=MAIL_SECONDS)
        ) as sends:
            if server.scheme == "smtp" and host not in (*LOOPBACK, "::1"):
                sends.starttls(context=trusted)
            if server.username:
                sends.login(unquote(server.username), unquote(server.password or ""))
            sends.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise AlmonerError(
            f"The checkpoint cannot be mailed ({type(error).__name__}). Mend ALMONER_SMTP or the mail server."
        ) from None


def is_due(place: Home, now: dt.datetime) -> bool:
    """Whether none was taken on this day yet."""
    try:
        before = latest(place)
    except AlmonerError:
        return True  # `take` says what is wrong with it
    return before is None or before.made_at.date() != now.date()


def run(stop: Flag) -> None:
    """Take a checkpoint outside each day until `stop` is set; returns at once where no place is named.

    Trouble is logged, and it is tried again.
    """
    environment: Environment = settings.SAID
    if not is_configured(environment):
        return
    pause = 0.0
    while not stop.wait(pause):
        pause, now = SECONDS, dt.datetime.now()
        try:
            if is_due(home(), now):
                log_line("checkpoint", places=len(take(home(), environment, now).places))
        except (AlmonerError, Error, OSError) as error:
            log_line("trouble", error=type(error).__name__, about="checkpoint of the audit trail")
            pause = SECONDS_AFTER_TROUBLE
        finally:
            connections.close_all()


def verified(notes: Mapping[str, str], key: NoteKey) -> Iterator[tuple[str, str]]:
    """What is wrong with the trail by each of these checkpoints (text by name): name and sentence."""
    for name, note in notes.items():
        try:
            known = read_heads(open_note(note, key))
        except AlmonerError as error:
            yield name, str(error)
        else:
            for difference in differences(known):
                yield name, difference
