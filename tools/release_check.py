"""What the tests allow and a release does not: sentences of the console without Chinese. `make
release-check`"""

from __future__ import annotations

import sys

from messages import PENDING, read_pending


def main() -> int:
    waiting = sorted(read_pending())
    if waiting:
        print(f"Not ready for a release: {len(waiting)} without Chinese, listed in {PENDING}:")
        print(*(f"  {msgid}" for msgid in waiting), sep="\n")
        return 1
    print("Nothing that keeps a release back.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
