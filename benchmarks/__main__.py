"""`python -m benchmarks sweep|stream|console|entitlements`, from a checkout: speed, memory and their peers."""

from benchmarks.cli.benchmark import app

app(prog_name="python -m benchmarks")
