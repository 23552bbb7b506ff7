"""Faults of a row: where it is wrong, by which rule, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from almoner.policy.model.feeds import IDENTITY_ROLES, Property, Role
from almoner.policy.model.terms import Words

SHOWN_CHARACTERS = 40
LONG_DIGITS = re.compile(r"\d{9,}")  # may be a number of a person that slipped into another column

ADVICE: Mapping[str, Words] = {
    "required": {"en": "Fill in this cell; the contract requires it.", "zh": "请补全此项，约定要求必填。"},
    "type_integer": {"en": "Write a whole number without separators.", "zh": "请填写整数，不加分隔符。"},
    "type_number": {
        "en": "Write a number with a point and without unit.",
        "zh": "请填写数字，小数点用“.”，不带单位。",
    },
    "type_date": {
        "en": "Write a date that exists, as YYYY-MM-DD or in the contract's format.",
        "zh": "请填写真实存在的日期，格式为 YYYY-MM-DD 或约定的格式。",
    },
    "type_timestamp": {
        "en": "Write date and local time as YYYY-MM-DD hh:mm:ss, without a time zone.",
        "zh": "请按 YYYY-MM-DD hh:mm:ss 填写当地时间，不带时区。",
    },
    "type_boolean": {"en": "Write true or false.", "zh": "请填写 true 或 false（是或否）。"},
    "number_format": {
        "en": "Write numbers with plain digits (0-9), without thousands separators.",
        "zh": "请使用半角数字，不加千位分隔符。",
    },
    "not_finite": {"en": "Leave the cell empty when there is no value.", "zh": "没有数值时请留空。"},
    "minimum": {
        "en": "The value is below what the contract allows. Check it.",
        "zh": "数值低于约定下限，请核对。",
    },
    "maximum": {
        "en": "The value is above what the contract allows. Check it.",
        "zh": "数值高于约定上限，请核对。",
    },
    "too_large": {
        "en": "The number is too large to be meant. Check its unit.",
        "zh": "数值过大，请核对单位。",
    },
    "max_length": {"en": "Shorten the text to the contract's length.", "zh": "文字过长，请按约定长度缩短。"},
    "pattern": {"en": "Write the value in the contract's pattern.", "zh": "请按约定的样式填写。"},
    "valid_values": {"en": "Use one of the contract's values.", "zh": "请使用约定的取值之一。"},
    "future": {"en": "The date lies after the delivery. Correct it.", "zh": "日期晚于报送时间，请更正。"},
    "event_id": {
        "en": "An earlier event of this feed has this source and id, but other content. Use another id.",
        "zh": "该数据源已有来源和编号（id）相同但内容不同的事件，请换用新的编号重新发送。",
    },
    "event_ahead": {
        "en": "The event's time lies ahead of ours. Set the sender's clock and send it with another id.",
        "zh": "事件时间晚于本系统时间，请校准发送方时钟后换用新的编号重新发送。",
    },
    "too_old": {"en": "The date lies before 1900. Correct it.", "zh": "日期早于1900年，请更正。"},
    "formula": {"en": "Deliver values, not formulas.", "zh": "请提供数值，不要提供公式。"},
    "error_cell": {
        "en": "The cell holds a spreadsheet error. Deliver its value.",
        "zh": "单元格为错误值，请提供实际数值。",
    },
    "precision_lost": {
        "en": "The spreadsheet has rounded this long number. Format the column as text and fill it in anew.",
        "zh": "电子表格已对长数字取整，请将该列设为文本格式后重新填写。",
    },
    "control_character": {"en": "Remove the invisible control characters.", "zh": "请删除不可见的控制字符。"},
    "cells": {
        "en": (
            "The row has another number of cells than the header. Put text with separators in "
            "quotation marks."
        ),
        "zh": "该行单元格数与表头不符；含分隔符的文字请加引号。",
    },
    "encoding": {
        "en": "Some bytes are not valid text. Save the file as UTF-8.",
        "zh": "含有无法识别的字节，请以 UTF-8 保存。",
    },
    "encoding_doubtful": {
        "en": (
            "The bytes of this row are text in two encodings. Save the file as UTF-8 with a byte order mark,"
            " or state the encoding in the contract."
        ),
        "zh": "此行文字用两种编码都能读出。请另存为带 BOM 的 UTF-8，或在约定中注明编码。",
    },
    "trailer": {
        "en": "The row is one of totals, but not the last one. Take it out.",
        "zh": "该行是合计行，但不在末尾，请删除。",
    },
    "merged_cell": {
        "en": "The row has a merged cell. Unmerge it, and fill in every row.",
        "zh": "该行含有合并单元格，请取消合并，并逐行填写。",
    },
    "too_long": {
        "en": "A cell is longer than 131,072 characters. Shorten it.",
        "zh": "单元格超过131072个字符，请缩短。",
    },
    "quoting": {
        "en": "Close every quotation mark, and double those inside a text.",
        "zh": "请闭合引号，文字中的引号应成双。",
    },
    "json": {
        "en": "Write one JSON object with plain values a line.",
        "zh": "每行应为一个 JSON 对象，取值不嵌套。",
    },
    "engine": {
        "en": (
            "This record could not be worked on. Report it to whoever looks after the software, then"
            " dismiss it."
        ),
        "zh": "此记录无法处理，请告知系统维护人员后作废。",
    },
    "duplicate_column": {"en": "Name every column once.", "zh": "每个字段只应出现一次。"},
    "identifier_length": {"en": "The number has the wrong length. Check it.", "zh": "号码位数不对，请核对。"},
    "identifier_format": {
        "en": "The number has characters that it must not have.",
        "zh": "号码含有不允许的字符。",
    },
    "identifier_checksum": {
        "en": "The number's check digit is wrong: a digit was mistyped.",
        "zh": "号码校验位不符，可能输错。",
    },
    "identifier_component": {
        "en": "The number has a part that does not exist, such as its date of birth. Check it.",
        "zh": "号码中的出生日期等部分不存在，请核对。",
    },
    "identifier_invalid": {"en": "The number is not valid. Check it.", "zh": "号码无效，请核对。"},
    "scientific_notation": {
        "en": "A spreadsheet shortened this code. Format the column as text, fill it in and export again.",
        "zh": "电子表格已将此编码缩写为科学计数法，请将该列设为文本格式，重新填写后再导出。",
    },
    "placeholder": {
        "en": "This stands for a code that is missing. Fill in the code; the contract requires it.",
        "zh": "此处为占位内容，并非编码。约定要求必填，请补全。",
    },
    "incomplete_code": {
        "en": "Part of the code is hidden or lost. Deliver the whole code.",
        "zh": "编码有部分被遮盖或丢失，请提供完整编码。",
    },
    "leading_zeros": {
        "en": (
            "This code came with other zeros in front before. Format the column as text and restore the "
            "zeros; if these are right, take back the rows without them."
        ),
        "zh": "此编码此前以不同的前导零出现。请将该列设为文本格式并补回零；若此写法正确，请撤回之前缺零的记录。",
    },
    "code_length": {
        "en": (
            "The code has another length than the contract says. Zeros in front may be lost: format the "
            "column as text."
        ),
        "zh": "编码位数与约定不符，可能丢失了开头的零，请将该列设为文本格式。",
    },
    "conflicting_key": {
        "en": "The delivery has several different rows with this key. Deliver the right one only.",
        "zh": "同一主键有多行不同内容，请只报送正确的一行。",
    },
    "reversal_without_original": {
        "en": (
            "This row takes back an amount, but no row that it could take back has come. Deliver that row,"
            " then retry this one from quarantine."
        ),
        "zh": "此行为冲正，但未见其所冲正的原始记录。请报送原始记录，之后在隔离区重试此行。",
    },
    "reversal_exceeds": {
        "en": "This row takes back more than the rows that it could take back. Check both.",
        "zh": "冲正金额大于可冲正的原始记录，请核对两者。",
    },
    "reversal_signs": {
        "en": "Some amounts are negative, others positive. A row that takes back has no positive ones.",
        "zh": "此行金额有正有负。冲正行的金额不得为正，请核对。",
    },
    "action": {
        "en": "Write `withdraw` to take the row back, or `add`, or leave `_action` empty.",
        "zh": "“_操作”请填写“撤销”或“新增”，或留空。",
    },
    "superseded": {
        "en": "A later delivery holds other values for this key. Dismiss this row.",
        "zh": "之后的报送对该主键已有其他内容，请作废此行。",
    },
}


@dataclass(frozen=True, kw_only=True)
class RowFault:
    """One fault of one row.

    `line` is the line of the file, from 1; `value` is masked; `rule` is a stable id.
    """

    feed: str
    file: str
    line: int
    column: str | None
    value: str
    rule: str

    @property
    def advice(self) -> Words:
        """What to do, by language."""
        return ADVICE[self.rule]


@dataclass(frozen=True)
class Broken:
    """A row that could not be split into cells.

    `raw` is the whole row: personal data, for the vault only.
    """

    line: int
    rule: str
    raw: str = field(repr=False)
    column: str | None = None
    value: str = ""  # masked


@dataclass(frozen=True)
class BadRow:
    """A row for quarantine.

    `faults` are (column, masked value, rule); `raw` is the whole row as JSON, for the vault only.
    """

    line: int
    raw: str = field(repr=False)
    faults: tuple[tuple[str | None, str, str], ...]


def mask(value: object, role: Role | None) -> str:
    """What may be shown of a value: the ends of an identity, or the first 40 characters of anything else."""
    text = "" if value is None else "".join(c if c.isprintable() else "·" for c in str(value))
    if role in IDENTITY_ROLES or LONG_DIGITS.search(text):
        return _ends(text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def masked(value: object, prop: Property | None) -> str:
    return mask(value, prop.role if prop else None)


def _ends(text: str) -> str:
    """At most the first 2 characters and the last one, and never more than a third."""
    third = len(text) // 3
    first, last = min(2, third), min(1, max(third - 2, 0))
    return text[:first] + "***" + (text[-last:] if last else "")
