"""Both languages are complete: every sentence of the console has its Chinese or is listed in pending.txt, and
nothing is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation import trim_whitespace

from almoner import casework
from pending import PENDING, pending

HERE = Path(casework.__file__).parent
CATALOGUE = polib.pofile(str(HERE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"))
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext"}
TRANSLATE = re.compile(r"""{%\s*translate\s+(?:"([^"]*)"|'([^']*)')""")
BLOCK = re.compile(r"{%\s*blocktranslate([^%]*)%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)


def _in_python() -> Iterator[str]:
    for file in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                yield ast.literal_eval(node.args[0])


def _in_templates() -> Iterator[str]:
    for file in HERE.rglob("templates/**/*.html"):
        text = file.read_text("utf-8")
        yield from (double or single for double, single in TRANSLATE.findall(text))
        for options, body in BLOCK.findall(text):
            singular = re.split(r"{%\s*plural\s*%}", body)[0]
            singular = re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", singular)
            yield trim_whitespace(singular) if "trimmed" in options else singular


def test_every_sentence_of_code_and_pages_is_in_the_catalogue() -> None:
    said = {*_in_python(), *_in_templates()}
    assert len(said) > 150
    assert said - {entry.msgid for entry in CATALOGUE} == set(), "run: make messages"


def test_what_has_no_chinese_is_listed_as_pending() -> None:
    unlisted = {e.msgid for e in CATALOGUE.untranslated_entries()} - set(pending())
    assert unlisted == set(), (
        f"No Chinese yet. Write it in django.po, or list it in {PENDING.name} (make messages PENDING=1)."
    )


def test_what_is_listed_as_pending_has_no_chinese_yet() -> None:
    stale = set(pending()) - {e.msgid for e in CATALOGUE.untranslated_entries()}
    assert stale == set(), f"Translated or gone: take it out of {PENDING.name} (make messages does)."


def test_no_entry_is_fuzzy_or_left_over() -> None:
    assert [e.msgid for e in CATALOGUE.fuzzy_entries()] == []
    assert [e.msgid for e in CATALOGUE.obsolete_entries()] == []
    left_over = {entry.msgid for entry in CATALOGUE} - {*_in_python(), *_in_templates()}
    assert left_over == set(), "run: make messages"


def test_translations_keep_every_placeholder() -> None:
    for entry in CATALOGUE.translated_entries():
        chinese = entry.msgstr or entry.msgstr_plural[0]
        assert set(re.findall(r"%\(\w+\)s", entry.msgid)) == set(re.findall(r"%\(\w+\)s", chinese)), (
            entry.msgid
        )
