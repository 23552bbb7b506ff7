"""Read each uploaded file in a process of its own, under limits.

The libraries that read pictures and PDFs are large and written in C. Whatever a file leads to there, be it an
endless loop, no memory or a takeover, ends or concerns a process that knows no secret, writes no file and
lives for one file.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen
from threading import BoundedSemaphore, Thread, Timer
from typing import IO

from almoner.casework.cases.media_faults import MEDIA, MediaFault, UnfitContent

WALL_SECONDS = 60.0
MOST_ANSWER_BYTES = 128 * 1024 * 1024
_AT_ONCE = BoundedSemaphore(2)  # files; each may need the memory of a large picture
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")  # no secrets


def read_apart(data: bytes, most_pixels: int) -> tuple[str, bytes]:
    """The media type and the content to keep. Raises UnfitContent, whatever happens in the other process."""
    words = [sys.executable, "-P", "-B", "-m", "almoner.casework.cases.media_child", str(most_pixels)]
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env["OPENBLAS_NUM_THREADS"] = "1"
    with _AT_ONCE, Popen(words, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=env) as process:  # noqa: S603
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        limit, sender = Timer(WALL_SECONDS, process.kill), Thread(target=_send, args=(process.stdin, data))
        limit.start()
        sender.start()
        try:
            answer = process.stdout.read(MOST_ANSWER_BYTES + 1)
        finally:
            limit.cancel()
            process.kill()
            sender.join()
    return _understood(answer)


def _send(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError), pipe:  # it ended before it had read all
        pipe.write(data)


def _understood(answer: bytes) -> tuple[str, bytes]:
    said, _newline, content = answer.partition(b"\n")
    if said.startswith(b"!"):
        with suppress(ValueError):
            raise UnfitContent(MediaFault(said[1:].decode("ascii", "replace")))
    media = said.decode("ascii", "replace")
    if media not in MEDIA or not content or len(answer) > MOST_ANSWER_BYTES:
        raise UnfitContent(MediaFault.LIMITS)
    return media, content
