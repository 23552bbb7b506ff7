"""Writes a new pack that extends another: a small example that compiles, to be changed by hand.

Its files are templates in `starter/`. What depends on the extended pack, such as its currency, its population
register and its departments, is filled in here.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import yaml

from almoner.errors import PackError
from almoner.policy.model.feeds import VAULT_ROLES, Feed, Property, Role
from almoner.policy.model.pack import Pack

_STARTER = Path(__file__).parent / "starter"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WORDS: Mapping[str, tuple[str, str]] = {
    "resident": ("Resident number", "公民身份号码"),
    "month": ("Month", "月份"),
    "unpaid": ("Unpaid heating bills", "欠缴供暖费"),
    "unpaid_months": ("Unpaid months of the last six", "近六个月欠费月数"),
    "feed": ("Unpaid heating bills", "供暖欠费"),
    "bar": ("Unpaid months that are noticed", "预警欠费月数"),
    "most": ("Most that is paid", "补助上限"),
    "signal": ("Heating bills unpaid for months", "连续多月欠缴供暖费"),
    "check": (
        "Ask why the bills are not paid, and whether the home is warm.",
        "了解欠费原因和家中供暖情况。",
    ),
    "why": (
        "Whoever stops paying for heating often has nothing left to pay with.",
        "停缴供暖费的家庭往往已无力支付。",
    ),
    "programme": ("Help with unpaid heating bills", "供暖欠费补助"),
    "owed": ("Owed for heating", "欠费金额"),
    "paid": ("Paid once", "一次性补助"),
}


def create(name: str, parent: Pack, extends: str, folder: Path, today: dt.date) -> list[Path]:
    """Write the pack to `folder`, which must not exist or be empty; gives the files written, in order.

    `extends` is how pack.yaml names `parent`: a pack that comes with Almoner, or a folder relative to the
    new one. Raises PackError for a name that cannot be one, a folder that holds something, or a parent
    without departments or purposes.
    """
    if not _NAME.fullmatch(name):
        raise PackError(f"`{name}` cannot be the name of a pack. Use small letters, digits and underscores.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackError(f"{folder} is not empty. Nothing was written; choose another folder with --to.")
    if not parent.departments or not parent.purposes:
        raise PackError(
            f"The pack {parent.id} names no department or no purpose that a feed could be shared for."
        )
    values = _values(name, parent, extends, today)
    written = []
    for source in sorted(p for p in _STARTER.rglob("*") if p.is_file()):
        target = folder / source.relative_to(_STARTER)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
        written.append(target)
    return written


def named_from(folder: Path, extends: str) -> str:
    """How a pack in `folder` names the pack that the user called `extends`: a folder as seen from there,
    else the name."""
    given = Path(extends)
    return Path(os.path.relpath(given.resolve(), folder.resolve())).as_posix() if given.is_dir() else extends


def _values(name: str, parent: Pack, extends: str, today: dt.date) -> dict[str, str]:
    register = parent.membership_feed
    resident = register.with_role(Role.RESIDENT_ID)
    identifier = (
        f"\n          - {{property: identifier, value: {resident.identifier.id}}}"
        if resident and resident.identifier
        else ""
    )
    words = {f"words_{key}": _translated(parent, en, zh) for key, (en, zh) in _WORDS.items()}
    months = {f"month_{back}": f"{_month(today, back):%Y-%m}" for back in range(1, 7)}
    return (
        words
        | months
        | {
            "name": name,
            "extends": extends,
            "currency": parent.currency,
            "words_pack": _translated(parent, name, name),
            "department": _department(parent),
            "purpose": _purpose(parent),
            "theme": _theme(parent),
            "register": register.id,
            "register_defaults": "\n".join(_defaults(register, today)),
            "resident": resident.name if resident else "",
            "identifier": identifier,
            "since": _month(today, today.month + 11).isoformat(),
            "as_of": (_month(today, 0) - dt.timedelta(days=1)).isoformat(),
        }
    )


def _translated(parent: Pack, en: str, zh: str) -> str:
    """The words in every language of the parent; English where a language is not ours."""
    short = dict.fromkeys(language.split("-")[0] for language in parent.languages)
    texts = {language: zh if language == "zh" else en for language in short}
    return yaml.safe_dump(
        texts, allow_unicode=True, default_flow_style=True, width=1000, sort_keys=False
    ).strip()


def _month(day: dt.date, back: int) -> dt.date:
    """The first of the month so many months before."""
    count = day.year * 12 + day.month - 1 - back
    return dt.date(count // 12, count % 12 + 1, 1)


def _department(parent: Pack) -> str:
    """The department that confirms most of the parent's signals."""
    confirming = [s.department for s in parent.signals.values()]
    return max(parent.departments, key=confirming.count)


def _purpose(parent: Pack) -> str:
    """A purpose that the register is shared for; of several, the one that most signals have."""
    shared = [p for p in parent.membership_feed.purposes if p in parent.purposes] or list(parent.purposes)
    used = [s.purpose for s in parent.signals.values()]
    return max(shared, key=used.count)


def _theme(parent: Pack) -> str:
    return next((s.theme for s in parent.signals.values()), "income")


def _defaults(register: Feed, today: dt.date) -> Iterator[str]:
    """A line for each column that a row of the register needs, besides the person's number."""
    for column in register.properties:
        needed = column.required or column.role is Role.HOUSEHOLD
        if needed and column.role is not Role.RESIDENT_ID and column.role not in VAULT_ROLES:
            yield f"    {column.name}: {_example(column, today)}"


def _example(column: Property, today: dt.date) -> str:
    if column.role is Role.BIRTH_DATE:
        return _month(today, 40 * 12).isoformat()
    if column.valid_values:
        return _quoted(column.valid_values[0])
    if column.type == "date":
        return _month(today, 24).isoformat()
    if column.type == "timestamp":
        return f'"{_month(today, 24)} 12:00:00"'
    if column.type == "boolean":
        return "false"
    if column.type in ("integer", "number"):
        return f"{column.minimum or 0:g}"
    return "home" if column.role is Role.HOUSEHOLD else _quoted("1")


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, allow_unicode=True, default_style='"').strip()
