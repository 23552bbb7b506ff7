"""Why a file for a case is not accepted. Known to the console and to the process that reads files."""

from __future__ import annotations

from enum import StrEnum

JPEG, PNG, PDF = MEDIA = "image/jpeg", "image/png", "application/pdf"


class MediaFault(StrEnum):
    """The reason, without words: `media` has a sentence for each."""

    KIND = "kind"
    PIXELS = "pixels"
    PICTURE_DAMAGED = "picture_damaged"
    PAPER_DAMAGED = "paper_damaged"
    PAPER_ACTIVE = "paper_active"
    PAPER_HOLDS_FILE = "paper_holds_file"
    PAPER_TOO_LARGE = "paper_too_large"
    LIMITS = "limits"


class UnfitContent(Exception):  # noqa: N818 - a refusal is an answer
    """The content is not accepted, for `fault`."""

    def __init__(self, fault: MediaFault) -> None:
        super().__init__(fault.value)
        self.fault = fault
