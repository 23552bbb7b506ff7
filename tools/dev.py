"""The console on a small fictional county, for work on pages: code, templates and styles are read anew
when they change.

`make dev` runs it and prints where it is and how to sign in. The county lies in `build/dev`; delete that
folder to have it made anew. No worker runs beside it: `almoner work build/dev/home` in a second terminal
starts one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "dev"
HOME = FOLDER / "home"
MADE = FOLDER / "made"
PASSWORD = "only-for-development"  # noqa: S105 - of a fictional county, on the loopback
STAFF = ("worker", "lead", "policy", "data", "auditor", "administrator")
SASS = "node_modules/.bin/sass"
STYLES = "src/almoner/casework/styles/console.scss:src/almoner/casework/static/casework/console.css"


def main() -> None:
    port = sys.argv[1] if len(sys.argv) > 1 else "8000"
    if "RUN_MAIN" in os.environ:  # Django's reloader starts this file once more for each change
        serve(port)
        return
    if not MADE.exists():
        make_county()
    print(f"Console: http://127.0.0.1:{port}  Password: {PASSWORD}")
    print(f"Sign in as {', '.join(STAFF)}, or a department by its id.", flush=True)
    with ExitStack() as beside:
        if (ROOT / SASS).exists():
            beside.callback(watch_styles().terminate)
        serve(port)


def make_county() -> None:
    """A county of 3,000 with one cycle behind it, and one person for each role."""
    words = ["demo", "--folder", str(FOLDER), "--residents", "3000", "--no-serve"]
    subprocess.run([sys.executable, "-m", "almoner", *words], check=True)
    subprocess.run([sys.executable, __file__, "people"], check=True)
    MADE.touch()


def add_people() -> None:
    from almoner import casework
    from almoner.home import load

    casework.setup(load(HOME))
    from almoner.casework.models import Department

    for name in STAFF:
        casework.create_user(name, PASSWORD, role=name)
    for department in Department.objects.values_list("id", flat=True):
        casework.create_user(department, PASSWORD, role="department", areas=[], department=department)


def watch_styles() -> subprocess.Popen[bytes]:
    options = [
        "--watch",
        "--poll",
        "--style=compressed",
        "--load-path=node_modules",
        "--no-source-map",
        "--quiet-deps",
    ]
    return subprocess.Popen([SASS, *options, STYLES], cwd=ROOT)


def serve(port: str) -> None:
    from django.core.management import execute_from_command_line

    os.environ["ALMONER_HOME"] = str(HOME)
    os.environ["DJANGO_SETTINGS_MODULE"] = "development"
    execute_from_command_line(["dev", "runserver", "--nostatic", f"127.0.0.1:{port}"])


if __name__ == "__main__":
    add_people() if sys.argv[1:] == ["people"] else main()
