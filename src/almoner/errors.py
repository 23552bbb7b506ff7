"""The errors that Almoner raises on purpose.

::

    AlmonerError                the text is for the user: what was read, what was expected, what to do
    ├── HomeError               an installation is missing, locked or of another version
    ├── PackError               a pack that does not compile; carries every finding
    ├── DeliveryRefused         a whole file that cannot be taken in; nothing has changed
    ├── EngineError             SQL that failed; carries the SQL
    └── VaultError              the key is missing or wrong
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from almoner.policy.findings import Finding


class AlmonerError(Exception):
    """An error whose text can be shown to the user as it is. It never carries personal data."""


class HomeError(AlmonerError):
    """An installation (HOME) is missing, not an installation, or in use by another process."""


class PackError(AlmonerError):
    """A pack does not compile. `findings` lists every fault with file, line and advice."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class DeliveryRefused(AlmonerError):  # noqa: N818 - it is a refusal, not a fault of ours
    """A whole delivery was refused: unknown feed, missing column, truncated file. Nothing has changed."""


class EngineError(AlmonerError):
    """SQL failed. `sql` is the statement that the engine was given."""

    def __init__(self, message: str, sql: str) -> None:
        super().__init__(message)
        self.sql = sql


class VaultError(AlmonerError):
    """The vault's key is missing, malformed, or not the one that sealed a record."""
