"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="HOME", help="The folder of the installation.")]
KafkaBrokers = Annotated[
    str | None,
    typer.Option(
        "--kafka", metavar="BROKERS", help="Read a topic for each feed too: host:port, several by commas."
    ),
]
KafkaPrefix = Annotated[str, typer.Option(help="What the topics' names begin with, before the feed's.")]
KafkaSettings = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="How to reach the brokers, with a name=value of librdkafka a line: TLS, log-in, group.id.",
    ),
]
DAY, MOMENT = ["%Y-%m-%d"], ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
