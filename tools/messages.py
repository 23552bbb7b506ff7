"""Bring the Chinese catalogue up to date with the sentences of code and templates, and compile it.

`make messages` runs it. New sentences are added at the end of the catalogue, sentences that nothing says any
more are taken out, and what stands between keeps its place, so that a change reads as a change.

Who cannot write Chinese runs `make messages PENDING=1`: each sentence without a translation is then listed in
`locale/pending.txt`. The tests allow what is listed there and show it, and `make release-check` refuses it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

CASEWORK = Path(__file__).parents[1] / "src" / "almoner" / "casework"
CATALOGUE = CASEWORK / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
PENDING = CASEWORK / "locale" / "pending.txt"
HEAD = (
    "# Sentences of the console that have no Chinese yet, one a line (`make messages PENDING=1` lists"
    " them).\n"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pending", action="store_true", help="list untranslated sentences as pending")
    arguments = parser.parse_args()
    catalogue = polib.pofile(str(CATALOGUE), wrapwidth=sys.maxsize)
    if shutil.which("xgettext"):
        update(catalogue, extract())
        catalogue.save()
    else:
        print("gettext is not installed, so sentences were not extracted (Debian: apt install gettext).")
    catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    missing = [entry.msgid for entry in catalogue if not entry.translated()]
    unlisted = keep_pending(missing, arguments.pending)
    if unlisted:
        print(f"{len(unlisted)} without Chinese. Write it in {CATALOGUE}, or run: make messages PENDING=1")
        print(*(f"  {msgid}" for msgid in unlisted), sep="\n")
    return 0


def extract() -> polib.POFile:
    """What the code and the templates say now, by Django's own `makemessages` on a copy of them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "casework"
        shutil.copytree(CASEWORK, copy, ignore=shutil.ignore_patterns("static", "styles", "*.po", "*.mo"))
        makemessages = ["makemessages", "--locale=zh_Hans", "--keep-pot", "--no-location", "--no-wrap"]
        command = [sys.executable, "-m", "django", *makemessages]
        subprocess.run(command, cwd=copy, check=True, stdout=subprocess.DEVNULL)
        return polib.pofile(str(copy / "locale" / "django.pot"))


def update(catalogue: polib.POFile, said: polib.POFile) -> None:
    """Add to `catalogue` what is `said` and not in it, and take out what is not said any more."""
    wanted = {entry.msgid for entry in said}
    for entry in [entry for entry in catalogue if entry.msgid not in wanted or entry.obsolete]:
        catalogue.remove(entry)
    known = {entry.msgid for entry in catalogue}
    catalogue.extend(entry for entry in said if entry.msgid not in known)


def keep_pending(missing: list[str], add: bool) -> list[str]:
    """Take out of the list what is translated or gone; with `add`, put in what is `missing`. Returns what is
    missing and not listed."""
    listed = read_pending()
    kept = [msgid for msgid in missing if add or msgid in listed]
    PENDING.write_text(HEAD + "".join(f"{one_line(msgid)}\n" for msgid in kept), encoding="utf-8")
    return [msgid for msgid in missing if msgid not in kept]


def read_pending() -> set[str]:
    lines = PENDING.read_text(encoding="utf-8").splitlines()
    return {line.replace("\\n", "\n") for line in lines if line and not line.startswith("#")}


def one_line(msgid: str) -> str:
    return msgid.replace("\n", "\\n")


if __name__ == "__main__":
    sys.exit(main())
