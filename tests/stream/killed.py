"""Kills `almoner` after one of its commits."""

from __future__ import annotations

# Ends the process by SIGKILL after so many commits (0: never), of whichever database or file, of `almoner`
# with the words given. Where it ends by itself, its last line on standard error says how many there were.
KILLED = """
import os, signal, sys
from django.db.backends.base.base import BaseDatabaseWrapper
from almoner.engines.duck import DuckEngine
from almoner.stream.inbox import Inbox
first = int(sys.argv[1])
left = [first]
def committed():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(kind, name):
    was = getattr(kind, name)
    def now(self, *words, **more):
        result = was(self, *words, **more)
        if name != "execute" or words[0] == "COMMIT":
            committed()
        return result
    setattr(kind, name, now)
counted(BaseDatabaseWrapper, "_commit")
counted(DuckEngine, "execute")
counted(Inbox, "give")
counted(Inbox, "put")
counted(Inbox, "purge")
from almoner.installation import backup, restoring, rotation
counted(backup._Tar, "add")
counted(backup._Tar, "finish")
counted(backup.Hashing, "digest")
counted(rotation, "create_next")
counted(rotation.inbox_rekeying, "rekey")
counted(os, "link")
from pathlib import Path
counted(Path, "rename")
sys.argv = ["almoner", *sys.argv[2:]]
from almoner.cli import app
try:
    app()
finally:
    print(f"commits {first - left[0]}", file=sys.stderr, flush=True)
"""
