"""Run a benchmark from a checkout.

`python -m benchmarks sweep|stream|console|entitlements|fuzz|holes|kills`.
"""

from benchmarks.cli.benchmark import app

app(prog_name="python -m benchmarks")
