"""The process that reads one file for `media_process`, under limits, and ends.

It has no secrets in its environment, may write no file and use only so much time and memory. Its answer is
one line, the media type or `!` and a fault, and the content.
"""

from __future__ import annotations

import sys

from almoner.casework.cases.media_faults import PDF, MediaFault, UnfitContent

MIB = 1024 * 1024
CPU_SECONDS = 20
MEMORY_BYTES = 768 * MIB
BYTES_A_PIXEL = 16  # four copies of a picture, with transparency
OPEN_FILES = 64


def main(most_pixels: int) -> None:
    _limit(most_pixels)
    data, answers = sys.stdin.buffer.read(), sys.stdout.buffer
    try:
        media, content = _read(data, most_pixels)
        answers.write(media.encode() + b"\n" + content)
    except UnfitContent as unfit:
        answers.write(b"!" + unfit.fault.value.encode() + b"\n")
    except MemoryError:
        answers.write(b"!" + MediaFault.LIMITS.value.encode() + b"\n")
    answers.flush()


def _limit(most_pixels: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    wanted = {
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_DATA: MEMORY_BYTES + BYTES_A_PIXEL * most_pixels,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in wanted.items():
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _read(data: bytes, most_pixels: int) -> tuple[str, bytes]:
    """The libraries are loaded for the kind of file that they read."""
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        from almoner.casework.cases import pictures

        return pictures.anew(data, most_pixels)
    if data.startswith(b"%PDF-"):
        from almoner.casework.cases import papers

        return PDF, papers.anew(data)
    raise UnfitContent(MediaFault.KIND)


if __name__ == "__main__":
    main(int(sys.argv[1]))
