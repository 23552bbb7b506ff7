"""The base pack for the process that commands are forked from: they need not compile it again.

It is compiled in another process, whose threads this one must not have when it forks.
"""

from __future__ import annotations

import pickle
import subprocess
import sys

from almoner import policy

COMPILED = """
import datetime as dt, pickle, sys
from almoner import policy
for day in (dt.date(2026, 11, 9), dt.date.today()):
    policy.compile_pack("base", as_of=day)
sys.stdout.buffer.write(pickle.dumps(policy._compiled))
"""

done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, check=True)
for key, pack in pickle.loads(done.stdout).items():  # noqa: S301 - our own
    policy.remember(pack, *key)
