"""A sender in its own process: ``python sending.py FOLDER SENDER`` puts 40 events of its own and 40 that
others send too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from almoner.registry.vault import Vault
from almoner.stream.inbox import Inbox
from county import KEY
from stream.taking import AT, event

if __name__ == "__main__":
    box = Inbox(Path(sys.argv[1]), Vault(KEY))
    for n in range(40):
        own = event("insured_wages", f"{sys.argv[2]}-{n}", resident_no="x")
        box.put([own, event("insured_wages", n, resident_no="x")], AT)
    box.close()
