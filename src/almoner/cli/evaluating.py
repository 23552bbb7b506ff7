"""`almoner evaluate`: measures quality on a fictional place, whose truth is known, or on a real panel."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from almoner.cli.output import AsJson, emit_json, errors_as_text, out, show_table
from almoner.errors import AlmonerError
from almoner.installation import cycles, opening
from almoner.lab import area_quality, evaluation, monthly_quality, panels
from almoner.policy import compile_pack


def evaluate(
    target: Annotated[str, typer.Argument(help="A pack with a panel, or the folder of a place.")],
    folder: Annotated[
        Path | None, typer.Option("--home", help="For a place: the installation that processed it.")
    ] = None,
    areas: Annotated[
        bool, typer.Option("--areas", help="For a place: also evaluate the signals of areas, month by month.")
    ] = False,
    months: Annotated[
        int | None,
        typer.Option(
            "--months",
            min=1,
            max=36,
            help="For a place: also evaluate what was new in each of so many months, as it was known then.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well signals and orderings find need."""
    with errors_as_text():
        result = (
            _place(Path(target), folder, areas, months)
            if (Path(target) / "truth").is_dir()
            else _panel(target)
        )
    if as_json:
        emit_json(result)
    else:
        _show(result)


def _panel(pack: str) -> dict[str, Any]:
    return asdict(panels.evaluate(compile_pack(pack)))


def _place(place: Path, folder: Path | None, areas: bool, months: int | None) -> dict[str, Any]:
    if folder is None:
        raise AlmonerError("For a place, name the installation that took it in: --home HOME.")
    as_of = dt.date.fromisoformat(json.loads((place / "place.json").read_text(encoding="utf-8"))["as_of"])
    with opening.installation(folder, as_of=as_of) as inst:
        evaluation.truth_of(inst.engine, inst.vault, place, as_of)
        qualities = evaluation.signal_quality(inst.engine, inst.pack)
        naive = evaluation.naive_rules(inst.engine, inst.pack, as_of)
        judged = _areas(inst, place, as_of) if areas else {}
        judged |= _months(inst, place, monthly_quality.days_of(as_of, months)) if months else {}
    return judged | {
        "as_of": as_of,
        "signals": {q.signal: quality(q) for q in qualities},
        "naive_rules": {q.signal: quality(q) for q in naive},
    }


def _areas(inst: opening.Installation, place: Path, as_of: dt.date) -> dict[str, Any]:
    qualities = area_quality.area_quality(inst.engine, inst.pack, place, as_of, cycles.end_of(as_of))
    return {
        "areas": {
            q.rule: {**asdict(q), "precision": _rounded(q.precision), "recall": _rounded(q.recall)}
            for q in qualities
        }
    }


def _months(inst: opening.Installation, place: Path, days: list[dt.date]) -> dict[str, Any]:
    found = monthly_quality.monthly_quality(inst.engine, inst.vault, inst.pack, place, days)
    return {
        "persons": found.persons,
        "new_by_day": {day.isoformat(): _new(counts) for day, counts in found.by_day.items()},
        "new_by_signal": {signal: _new(counts) for signal, counts in found.by_signal.items()},
        "needs_begun": {
            need: {
                "began": counts.began,
                "found": counts.found,
                **_share("recall", monthly_quality.Proportion(counts.found, counts.began)),
                "median_days": counts.days,
            }
            for need, counts in found.needs.items()
        },
    }


def _new(counts: monthly_quality.NewSignals) -> dict[str, Any]:
    shares = {name: getattr(counts, name) for name in ("own", "own_90", "any_90")}
    found: dict[str, Any] = {"raised": counts.raised}
    for name, right in shares.items():
        found |= _share(name, monthly_quality.Proportion(right, counts.raised))
    return found


def _share(name: str, share: monthly_quality.Proportion) -> dict[str, Any]:
    interval = share.interval
    return {
        name: _rounded(share.share),
        f"{name}_interval": None if interval is None else [_rounded(end) for end in interval],
    }


def quality(q: evaluation.Quality) -> dict[str, Any]:
    """One signal's quality as JSON."""
    return {
        "raised": q.raised,
        "right": q.right,
        "precision": _rounded(q.precision),
        "needs": q.needs,
        "found": q.found,
        "recall": _rounded(q.recall),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _show(result: dict[str, Any]) -> None:
    if "signals" in result and "naive_rules" in result:
        columns = ["rule", "raised", "right", "precision", "true needs", "found", "recall"]
        show_table(
            f"Against the truth, as of {result['as_of']}",
            columns,
            [(k, *v.values()) for k, v in {**result["signals"], **result["naive_rules"]}.items()],
        )
        if "areas" in result:
            columns = ["rule", "alerts", "right", "events", "found", "precision", "recall"]
            show_table(
                "Signals of areas, by area and month",
                columns,
                [tuple(v.values()) for v in result["areas"].values()],
            )
        if "new_by_day" in result:
            _show_months(result)
        return
    out.print(f"{result['pack']}: {result['persons']:,} persons, {result['person_years']:,} person-years.")
    show_table(
        "How often each signal fires",
        ["signal", "fired", "per person-year"],
        [(k, *v.values()) for k, v in result["signals"].items()],
    )
    rows = [
        (name, *result[name].values()) for name in ("last_known_list", "assessment_now", "assessment_now_all")
    ]
    show_table(
        f"Who is poor the next year, budget {result['budget_share']:.0%}",
        ["ordering", "person-years", "poor", "AUC", "exclusion error"],
        rows,
    )


def _show_months(result: dict[str, Any]) -> None:
    columns = ["new", "own need", "own need, 90 days", "any need, 90 days", "between"]
    for title, first, key in (
        ("New signals by day, and the share that was right", "day", "new_by_day"),
        ("New signals by signal, and the share that was right", "signal", "new_by_signal"),
    ):
        rows: list[tuple[object, ...]] = [
            (name, n["raised"], n["own"], n["own_90"], n["any_90"], _between(n["any_90_interval"]))
            for name, n in result[key].items()
        ]
        show_table(title, [first, *columns], rows)
    needs: list[tuple[object, ...]] = [
        (need, n["began"], n["found"], n["recall"], _between(n["recall_interval"]), n["median_days"])
        for need, n in result["needs_begun"].items()
    ]
    show_table(
        "Needs that began in these months",
        ["need", "began", "found", "recall", "between", "median days"],
        needs,
    )


def _between(interval: list[float] | None) -> str | None:
    return None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
