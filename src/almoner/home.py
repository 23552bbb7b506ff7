"""The folder of an installation, with its settings, facts, casework database, key and packs."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from almoner.errors import HomeError
from almoner.private_home import keep_private

SETTINGS = "almoner.json"
RESTORING = "restoring.almoner"  # a backup that waits here for its keys
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class HomeSettings:
    """`pack` is the name of a pack that comes with Almoner, or a folder (relative to the home)."""

    pack: str
    language: str = "en"
    version: int = VERSION
    vault_key: str = "secrets/vault.key"
    memory_limit: str = "3GiB"  # of the engine
    landing_kept_days: int = 0  # of a landed file, with names in clear; 0: only its receipt stays
    demo: bool = False  # a fictional place: no second factor is asked for
    worker_silent_seconds: float = 45.0  # without a heartbeat, a worker counts as dead
    worker_step_seconds: float = 3600.0  # without progress in one step, a worker counts as hung


@dataclass(frozen=True)
class Home:
    """The folder of an installation, and the paths in it."""

    folder: Path
    settings: HomeSettings

    @property
    def facts(self) -> Path:
        return self.folder / "facts.duckdb"

    @property
    def casework(self) -> Path:
        return self.folder / "casework.sqlite3"

    @property
    def vault_key(self) -> Path:
        return self.folder / self.settings.vault_key

    @property
    def pack_archive(self) -> Path:
        """Every version of the pack that ever decided something, by hash: what replay reads."""
        return self.folder / "packs"


def now() -> dt.datetime:
    """Local time of the installation, to the second."""
    return dt.datetime.now().replace(microsecond=0)


def create(folder: Path, pack: str, language: str = "en", demo: bool = False) -> Home:
    """A new installation in `folder`, which must not hold one yet."""
    if (folder / SETTINGS).exists():
        raise HomeError(f"{folder} is an installation already. Choose another folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_private(folder)
    home = Home(folder, HomeSettings(pack=pack, language=language, demo=demo))
    text = json.dumps(asdict(home.settings), ensure_ascii=False, indent=2)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")
    return home


def load(folder: Path) -> Home:
    """The installation in `folder`, which only its owner can read from then on.

    Raises HomeError when there is none, it is of another version, it cannot be kept private, or a restored
    backup waits there for its keys.
    """
    if (folder / RESTORING).exists():
        raise HomeError(
            f"{folder} was restored without its keys and waits for them. Put your copy of the folder"
            f" `secrets` into it, then run: almoner upgrade {folder}"
        )
    try:
        read = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        settings = HomeSettings(**read)
        _check_seconds(settings)
    except FileNotFoundError:
        raise HomeError(
            f"{folder} is not an installation. Make one with: almoner init {folder} --pack base"
        ) from None
    except (ValueError, TypeError) as error:
        raise HomeError(
            f"{folder / SETTINGS} cannot be read: {error}. Restore it or make a new installation."
        ) from None
    if settings.version != VERSION:
        raise HomeError(
            f"{folder} was made by another version of Almoner ({settings.version}, this one reads {VERSION})."
        )
    keep_private(folder)
    return Home(folder, settings)


def _check_seconds(settings: HomeSettings) -> None:
    for name in ("worker_silent_seconds", "worker_step_seconds"):
        seconds = getattr(settings, name)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise ValueError(f"{name} must be a number of seconds above 0")
