"""Run `python -m benchmarks stream`: the time from the arrival of an event to its case.

The same events also go through a sweep a slice, and through Bytewax.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, sleep
from typing import Annotated, Any

import typer

from almoner import casework, cycle
from almoner.cli.output import AsJson, emit_json, errors_as_text, out
from almoner.errors import AlmonerError
from almoner.home import now
from almoner.installation import cycles, intake, opening
from almoner.installation.opening import Installation
from almoner.lab.place import PlaceSummary, build
from almoner.progress import progress
from almoner.stream import status
from almoner.stream.events import Event
from almoner.stream.inbox import Inbox
from almoner.stream.rounds import Rounds
from almoner.support.outbox import changes_after
from benchmarks import peer_bytewax, stream_bench, stream_events
from benchmarks.stream_bench import Sent

NAIVE_SLICES = 2
LONGEST_WAIT_SECONDS = 3600.0  # seconds for the worker to end


def stream(
    residents: Annotated[int, typer.Option(help="Number of people in the place.")] = 100_000,
    rate: Annotated[float, typer.Option(min=0, help="Events a second; 0 sends all at once.")] = 100.0,
    seconds: Annotated[int, typer.Option(min=1, help="Seconds during which events are sent.")] = 60,
    events: Annotated[
        int | None, typer.Option(help="Number of events, instead of rate times seconds.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same place and events.")] = 1,
    pack: Annotated[str, typer.Option(help="The pack to run.")] = "base",
    peer: Annotated[bool, typer.Option(help="Run two of its rules in Bytewax as well.")] = True,
    naive: Annotated[
        bool, typer.Option(help="Also measure one sweep of the whole place for each slice.")
    ] = True,
    series: Annotated[
        Path | None, typer.Option(help="Write samples every 10 seconds to this file (.csv or .json).")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw the samples in this file (.svg).")] = None,
    as_json: AsJson = False,
) -> None:
    """Load and sweep a place, then send its last records as events through an inbox and a worker to cases."""
    with errors_as_text(), TemporaryDirectory() as folder:
        wanted = events or max(1, round(rate * seconds))
        run = _Run(Path(folder), residents, seed, pack)
        result = run.measure(wanted, rate, naive=naive, peer=peer, series=series, chart=chart)
    if as_json:
        emit_json(result)
    else:
        for key, value in result.items():
            out.print(f"{key}: {value}", markup=False)


@dataclass
class _Run:
    folder: Path
    residents: int
    seed: int
    pack: str

    def measure(
        self, wanted: int, rate: float, *, naive: bool, peer: bool, series: Path | None, chart: Path | None
    ) -> dict[str, Any]:
        with progress("Place", 1) as advance:
            summary = build(self.folder / "place", self.residents, self.seed, form="parquet", advance=advance)
        home = opening.make_home(self.folder / "home", self.pack, "en")
        with opening.installation(home.folder, as_of=summary.as_of) as inst:
            sent_later = stream_events.split(
                self.folder / "place" / "deliveries",
                inst.pack.feeds,
                summary.until,
                wanted + NAIVE_SLICES * 500,
                self.seed,
            )
            first = _load(inst, self.folder / "place", summary)
            box = Inbox(home.folder, inst.vault)
            opened_before = inst.engine.value("SELECT max(seq) FROM assessment.change")
        events, spare = sent_later[:wanted], sent_later[wanted:]
        sent, samples, lines, peak = self._stream(box, events, rate, summary.as_of)
        took = stream_bench.waited(sent, lines)
        if len(took) != len(sent):
            raise AlmonerError(f"Of {len(sent):,} events only {len(took):,} came out at the other end.")
        seen = stream_bench.points(sent, took, samples)
        if series:
            stream_bench.write_series(series, seen)
        if chart:
            stream_bench.draw(chart, seen)
        rounds = [line for line in lines if line["event"] == "round"]
        cycles = [line["seconds"] for line in lines if line["event"] == "cycle"]
        ended = max(event.at.timestamp() + s for event, s in zip(sent, took, strict=True))
        slice_events = max(1, len(sent) // max(1, len(rounds)))
        with opening.installation(home.folder, as_of=summary.as_of) as inst:
            changes = inst.engine.value("SELECT max(seq) FROM assessment.change") - (opened_before or 0)
            through = dict(
                inst.engine.rows("SELECT feed, max(complete_through) FROM registry.delivery GROUP BY feed")
            )
            beside = _peer(inst, first, through, summary) if peer else None
            swept = _naive(inst, box, spare, min(slice_events, 500), summary.as_of) if naive else None
        box.close()
        return {
            "residents": summary.residents,
            "events": len(sent),
            "seconds": round(ended - sent[0].at.timestamp(), 1),
            "events_per_second": round(len(sent) / (ended - sent[0].at.timestamp()), 1),
            "p50_seconds": stream_bench.share(took, 0.5),
            "p95_seconds": stream_bench.share(took, 0.95),
            "p99_seconds": stream_bench.share(took, 0.99),
            "max_seconds": stream_bench.share(took, 1.0),
            "engine_p50_seconds": stream_bench.share(cycles, 0.5),
            "slice_p50_seconds": stream_bench.share([line["seconds"] for line in rounds], 0.5),
            "slices": len(rounds),
            "households_assessed": sum(line["households"] for line in lines if line["event"] == "cycle"),
            "changes": changes,
            "cases": sum(line["cases_opened"] for line in lines if line["event"] == "cycle"),
            "quarantined": sum(line["quarantined"] for line in rounds),
            "naive_events_per_second": swept,
            "peer_events_per_second": beside and round(beside.events / beside.seconds),
            "peer_events": beside and beside.events,
            "peer_alerts": beside and beside.alerts,
            "peer_alerts_equal": beside and beside.equal,
            "peak_memory_mib": round(peak),
        }

    def _stream(
        self, box: Inbox, events: Sequence[Event], rate: float, day: dt.date
    ) -> tuple[list[Sent], list[stream_bench.Sample], list[dict[str, Any]], float]:
        """Stream the events to a worker in its own process, which has finished the first load."""
        home, log = self.folder / "home", self.folder / "worker.log"
        words = [sys.executable, "-m", "almoner", "work", str(home), "--as-of", str(day)]
        with log.open("w", encoding="utf-8") as written:
            process = subprocess.Popen(words, stderr=written)  # noqa: S603
        try:
            _until_idle(home, box, process)
            before = len(_lines(log))
            with progress("Stream"):
                sent, samples = stream_bench.send(box, events, rate, process.pid)
                _until_idle(home, box, process)
            peak = stream_bench.memory_mib(process.pid, peak=True)
        finally:
            process.terminate()
            process.wait()
        return sent, samples, _lines(log)[before:], peak


def _load(inst: Installation, place: Path, summary: PlaceSummary) -> int:
    """First load and sweep; gives the last delivery's number."""
    deliveries = intake.deliveries_in([place / "deliveries"], list(inst.pack.feeds), None, now(), None)
    for _ in intake.take_in_all(inst, deliveries):
        pass
    cycles.run_cycle(inst, summary.as_of, cycles.end_of(summary.as_of), history=0)
    return int(inst.engine.value("SELECT max(delivery_id) FROM registry.delivery"))


def _naive(inst: Installation, box: Inbox, spare: Sequence[Event], size: int, day: dt.date) -> float:
    """Events a second when each slice, as large as the stream's were, is followed by a sweep of everybody.
    Best of two.
    """
    rounds, best = (
        Rounds(engine=inst.engine, pack=inst.pack, vault=inst.vault, store=casework.identities(), inbox=box),
        float("inf"),
    )
    with progress("Sweeps"):
        for n in range(NAIVE_SLICES):
            box.put(spare[n * size : (n + 1) * size], dt.datetime.now())
            started = perf_counter()
            rounds.take(dt.datetime.now())
            cycle.run(inst.engine, inst.pack, day, dt.datetime.now())
            casework.apply(changes_after(inst.engine, casework.last_seq()))
            best = min(best, perf_counter() - started)
    return round(size / best, 2)


def _peer(
    inst: Installation, first: int, through: dict[str, dt.date], summary: PlaceSummary
) -> peer_bytewax.Peer:
    with progress("Peer"):
        return peer_bytewax.compare(
            inst.engine, first, through["elderly_meters"], summary.until.replace(day=1)
        )


def _until_idle(home: Path, box: Inbox, process: subprocess.Popen[bytes]) -> None:
    """Wait until the inbox is empty, no household is dirty and the worker is idle."""
    end = monotonic() + LONGEST_WAIT_SECONDS
    while True:
        found = status.read(home) or {}
        if (
            not box.backlog()
            and found.get("process") == process.pid
            and found.get("idle")
            and not found.get("to_assess")
        ):
            return
        if process.poll() is not None:
            raise AlmonerError("The worker ended. Run almoner work beside it to see why.")
        if monotonic() > end:
            raise AlmonerError("The worker did not come to an end of what waits.")
        sleep(0.05)


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
