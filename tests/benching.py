"""`python -m benchmarks`, in this process."""

from typer.testing import CliRunner

from benchmarks.cli.benchmark import app


def bench(*words: object) -> str:
    """What the command prints to standard output. Fails where it does not end well."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
