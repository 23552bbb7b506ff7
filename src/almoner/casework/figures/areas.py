"""Areas by name, for showing where a case is and for choosing an area. Areas without a name are shown by
code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.utils.translation import gettext as _

from almoner.casework.accounts.access import EVERYWHERE
from almoner.casework.core import words
from almoner.casework.models import Area

Option = tuple[str, str]
Choice = tuple[str, str | list[Option]]


class Areas:
    """All areas, read once, with names in the active language."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._within: dict[str, list[str]] = defaultdict(list)
        for code, english, chinese, parent in Area.objects.values_list(
            "code", "name_en", "name_zh", "parent"
        ):
            self._names[code] = words.in_language({"en": english, "zh": chinese}) or code
            self._parent[code] = parent
            self._within[parent].append(code)

    def name(self, code: str) -> str:
        """The area's name with that of the enclosing area, as in "Willow Village, Long Town". The top area
        is left out."""
        named = self._names.get(code, code)
        parent = self._parent.get(code, "")
        if not parent or not self._parent.get(parent):
            return named
        return _("%(area)s, %(parent)s") % {"area": named, "parent": self._names[parent]}

    def short(self, code: str) -> str:
        """The area's own name."""
        return self._names.get(code, code)

    def known(self, inside: Callable[[str], bool]) -> dict[str, str]:
        """The names of all areas that have some area for which `inside` holds in them, by code."""
        found = {code for own in self._names if inside(own) for code in self.above(own)}
        return {code: self.name(code) for code in found}

    def above(self, code: str) -> list[str]:
        """`code` and the codes of all enclosing areas, the innermost first."""
        found: list[str] = []
        while code and code not in found:
            found.append(code)
            code = self._parent.get(code, "")
        return found

    def below(self, code: str) -> list[str]:
        """`code` and the codes of all areas inside it."""
        return [code, *(found for child in self._within.get(code, ()) for found in self.below(child))]

    def choices(self, prefixes: Sequence[str], codes: Callable[[], Iterable[str]]) -> list[Choice]:
        """The areas that a member with these prefixes may choose, as options in groups.

        `codes` is called for the options when no area has a name.
        """
        offered = [self._choice(top, prefixes) for top in self.tops()]
        if not self._names:
            offered = [(code, code) for code in codes() if _covered(code, prefixes)]
        return [choice for choice in offered if choice[1]]

    def tops(self) -> Iterator[str]:
        """The areas directly below the root. The root itself is no choice, because it would filter
        nothing."""
        for root in (code for code in self._names if self._parent[code] not in self._names):
            yield from self._within.get(root) or [root]

    def _choice(self, top: str, prefixes: Sequence[str]) -> Choice:
        inside = [code for code in self.below(top)[1:] if _covered(code, prefixes)]
        whole = [top] if _covered(top, prefixes) else []
        if not inside:
            return (top, self._names[top]) if whole else (top, [])
        all_of = [(top, _("%(area)s: all") % {"area": self._names[top]}) for top in whole]
        return self._names[top], all_of + [(code, self._names[code]) for code in inside]


def _covered(code: str, prefixes: Sequence[str]) -> bool:
    return EVERYWHERE in prefixes or any(prefix and code.startswith(prefix) for prefix in prefixes)
