"""Put conditions and arithmetic into words, in each language of a pack, with placeholders for numbers.

Pieces of a sentence are made once from the expression; `almoner.assessment.templates.say` fills in a
household's values. A piece is text, or one of

    {"$": name, "one": unit, "many": unit, "yes": word, "no": word, "unknown": word}
    {"$branch": name, "of": [[piece]], "unknown": word}   the branch of a CASE, by its number
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from almoner.assessment.expressions import area_column, takes_for_granted
from almoner.assessment.templates import number
from almoner.assessment.templates import say as filled
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import say

Piece = str | dict[str, Any]

_WORDS = {
    "en": {
        exp.LT: "is less than",
        exp.GT: "is more than",
        exp.LTE: "is at most",
        exp.GTE: "is at least",
        exp.EQ: "is",
        exp.NEQ: "is not",
        exp.Greatest: "the larger of",
        exp.Least: "the smaller of",
        "unknown": "unknown",
        "is unknown": "is unknown",
        "yes": "yes",
        "no": "no",
        "not": "it is not so that",
        ":": ": ",
        ",": ", ",
        "or": "or, if unknown,",
        exp.And: "and",
        exp.Or: "or",
    },
    "zh": {
        exp.LT: "低于",
        exp.GT: "高于",
        exp.LTE: "不高于",
        exp.GTE: "不低于",
        exp.EQ: "为",
        exp.NEQ: "不为",
        exp.Greatest: "以下较大者：",
        exp.Least: "以下较小者：",
        "unknown": "未知",
        "is unknown": "未知",
        "yes": "是",
        "no": "否",
        "not": "并非",
        ":": "：",
        ",": "，",
        "or": "未知时取",
        exp.And: "且",
        exp.Or: "或",
    },
}
_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "−", exp.Mul: "×", exp.Div: "÷"}
_LOGIC = (exp.And, exp.Or, exp.Not)
COMPARISONS = (exp.LT, exp.GT, exp.LTE, exp.GTE, exp.EQ, exp.NEQ)


class Wording:
    """Renders the expressions of one pack in one language.

    A placeholder is named after its operand, or as `slots` names an expression. `constants` are values of
    parameters that are the same for everybody; other parameters become placeholders.
    """

    def __init__(
        self, pack: Pack, language: str, constants: Mapping[str, Any], steps: Mapping[str, Any] | None = None
    ) -> None:
        self._pack = pack
        self._language = language
        self._words = _WORDS.get(language, _WORDS["en"])
        self._constants = constants
        self._steps = steps or {}

    def sentence(self, node: exp.Expr, slot: str) -> list[Piece]:
        """The pieces of the sentence for `node`; `slot` begins the names of its further placeholders."""
        return _merged(self._render(node, slot))

    def unit(self, unit: str | None, count: int = 2) -> str:
        """A unit in words: 元/人/月, or CNY a person a month.

        A single English word is in the plural unless `count` is 1.
        """
        if not unit or unit == "1":
            return ""
        per = ["·".join(self._unit_word(atom) for atom in part.split("*")) for part in unit.split("/")]
        if self._language != "en":
            return " " + "/".join(per)
        lone = len(per) == 1 and per[0].islower()
        if lone and count == 1:
            return " " + per[0].removesuffix("s")
        return " " + " a ".join(per) + ("s" if lone and not per[0].endswith("s") else "")

    def _unit_word(self, atom: str) -> str:
        word = say(self._pack.units[atom], self._language) if atom in self._pack.units else atom
        return word.replace("_", " ")

    def _value(self, placeholder: str, unit: str | None) -> Piece:
        words = {word: self._words[word] for word in ("yes", "no", "unknown")}
        return {"$": placeholder, "one": self.unit(unit, 1), "many": self.unit(unit, 2), **words}

    def _render(self, node: exp.Expr, slot: str) -> list[Piece]:
        if isinstance(node, exp.Column):
            return self._operand(node.name, alone=_is_alone(node))
        if isinstance(node, exp.Placeholder | exp.Parameter):
            return self._parameter(node.name)
        if isinstance(node, exp.Binary) and isinstance(node, COMPARISONS):
            return self._comparison(node, slot)
        if isinstance(node, exp.Binary) and type(node) in _SIGNS:
            return [
                *self._render(node.left, slot),
                f" {_SIGNS[type(node)]} ",
                *self._render(node.right, slot),
            ]
        if isinstance(node, exp.Paren):
            return ["(", *self._render(node.this, slot), ")"]
        if isinstance(node, exp.And | exp.Or):  # within another: `slot` carries no value for its parts
            return [
                *self._render(node.left, ""),
                f" {self._words[type(node)]} ",
                *self._render(node.right, ""),
            ]
        return self._function(node, slot)

    def _function(self, node: exp.Expr, slot: str) -> list[Piece]:
        if isinstance(node, exp.Case):
            return self._case(node, slot)
        if isinstance(node, exp.Greatest | exp.Least | exp.Coalesce):
            return self._several(node, slot)
        if isinstance(node, exp.Is):
            return [*self._render(node.this, slot), " ", self._words["is unknown"]]
        if isinstance(node, exp.Not):
            return [self._words["not"], " ", *self._render(node.this, "")]
        if isinstance(node, exp.Round):
            return self._render(node.this, slot)
        return [
            number(float(node.this)) if isinstance(node, exp.Literal) and not node.is_string else node.sql()
        ]

    def _several(self, node: exp.Expr, slot: str) -> list[Piece]:
        if takes_for_granted(node):
            return self._render(node.this, slot)
        members = [self._render(child, slot) for child in (node.this, *node.expressions)]
        between = f" {self._words['or']} " if isinstance(node, exp.Coalesce) else self._words[","]
        listed = [
            part for index, member in enumerate(members) for part in ([between] if index else []) + member
        ]
        if not isinstance(node, exp.Coalesce):
            return [self._words[type(node)], " (", *listed, ")"]
        return ["(", *listed, ")"] if isinstance(node.parent, exp.Binary) else listed

    def _comparison(self, node: exp.Binary, slot: str) -> list[Piece]:
        left, right = self._render(node.left, slot), self._render(node.right, slot)
        if slot and not _is_single(node.left):
            left += [" (= ", self._value(f"{slot}:left", None), ")"]
        if slot and not _is_single(node.right):
            right += [" (= ", self._value(f"{slot}:right", None), ")"]
        return [*left, f" {self._words[type(node)]} ", *right]

    def _case(self, node: exp.Case, slot: str) -> list[Piece]:
        branches = [branch.args["true"] for branch in node.args["ifs"]]
        default = node.args.get("default")
        rendered = [
            _merged(self._render(branch, slot)) for branch in [*branches, *([default] if default else [])]
        ]
        return [{"$branch": f"{slot}:{case_key(node)}", "of": rendered, "unknown": self._words["unknown"]}]

    def _operand(self, name: str, *, alone: bool) -> list[Piece]:
        if name in self._steps:
            label, unit = say(self._steps[name], self._language), None
        else:
            column = self._pack.column(name)[1]
            label, unit = say(column.label, self._language), column.unit
        return self._named(label, self._value(name, unit), alone=alone)

    def _named(self, label: str, value: Piece, *, alone: bool = False) -> list[Piece]:
        """A label with its value: `Age (81 years)` in a comparison, `Lives alone: yes` alone, and 年龄：81 岁."""
        if self._language != "en":
            return [label, "：", value]
        return [label, ": ", value] if alone else [label, " (", value, ")"]

    def _parameter(self, name: str) -> list[Piece]:
        parameter = self._pack.parameters.get(name)
        value = self._value(area_column(name), parameter.unit if parameter else None)
        if name in self._constants:
            value = filled([value], {area_column(name): self._constants[name]})
        return self._named(say(parameter.label, self._language), value) if parameter else [value]


def _merged(pieces: list[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def _is_single(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column | exp.Placeholder | exp.Parameter | exp.Literal | exp.Boolean)


def _is_alone(node: exp.Expr) -> bool:
    """Whether `node` is a whole condition, not part of a comparison or a sum."""
    return node.parent is None or isinstance(node.parent, _LOGIC) or takes_for_granted(node.parent)


def case_key(node: exp.Case) -> str:
    """The name of the placeholder with the number of the branch that a CASE took."""
    return "case " + node.sql()


def slots(node: exp.Expr) -> dict[str, exp.Expr]:
    """The expressions, other than operands, whose values a sentence about `node` needs, by name."""
    found: dict[str, exp.Expr] = {}
    if isinstance(node, exp.Binary) and isinstance(node, COMPARISONS):
        found |= {"left": node.left.copy(), "right": node.right.copy()}
    for case in node.find_all(exp.Case):
        found[case_key(case)] = _branch_taken(case)
    return found


def _branch_taken(case: exp.Case) -> exp.Expr:
    taken = exp.Case(this=case.this.copy() if case.this else None)
    for index, branch in enumerate(case.args["ifs"]):
        taken = taken.when(branch.this.copy(), exp.Literal.number(index))
    return taken.else_(exp.Literal.number(len(case.args["ifs"])))
