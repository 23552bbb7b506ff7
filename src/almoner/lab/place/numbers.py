"""Make resident numbers, household numbers and other opaque strings, vectorised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from almoner.lab.place.arrays import Bools, Days, Ints

PREFIX = "710000"  # no resident number of the mainland is issued under it, yet it passes the published check
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = np.frombuffer(b"10X98765432", np.uint8)  # GB 11643-1999
_SHUFFLE, _FIELD = 48_271_381, 99_999_989  # a prime field: every product is another number

Characters = npt.NDArray[np.uint8]


def resident_numbers(births: Days, male: Bools) -> pa.Array:
    """One valid number a person: prefix, birth date, sequence (odd for men) and checksum (GB 11643-1999).

    ValueError when more people of one sex share a birth date than sequences exist.
    """
    sequence = _rank_among_equals(births.astype(np.int64) * 2 + male) * 2 + np.where(male, 1, 2)
    if sequence.max() > 999:
        raise ValueError("Too many residents: a birth date has room for 499 people of each sex.")
    months = births.astype("datetime64[M]")
    year = births.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (births - months.astype("datetime64[D]")).astype(np.int64) + 1
    text = np.empty((len(births), 18), np.uint8)
    text[:, :6] = np.frombuffer(PREFIX.encode(), np.uint8)
    text[:, 6:17] = _digits(((year * 100 + month) * 100 + day) * 1000 + sequence, 11)
    text[:, 17] = _CHECK[((text[:, :17] - 48) @ _WEIGHTS) % 11]
    return fixed_width(text)


def numbered(prefix: str, values: Ints, width: int) -> pa.Array:
    """`prefix` and each value with leading zeros."""
    start = np.frombuffer(prefix.encode(), np.uint8)
    text = np.empty((len(values), len(start) + width), np.uint8)
    text[:, : len(start)] = start
    text[:, len(start) :] = _digits(np.asarray(values, np.int64), width)
    return fixed_width(text)


def opaque(prefix: str, values: Ints, seed: int) -> pa.Array:
    """Unique strings of eight digits behind `prefix` that do not show the order of `values`."""
    shuffled = (np.asarray(values, np.int64) * _SHUFFLE + seed * 7919 + 12_345_678) % _FIELD
    return numbered(prefix, shuffled, 8)


def fixed_width(text: Characters) -> pa.Array:
    """Rows of ASCII characters as strings, without a loop over rows."""
    count, width = text.shape
    offsets = np.arange(count + 1, dtype=np.int64) * width
    if offsets[-1] < 2**31:
        return pa.StringArray.from_buffers(
            count, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text.tobytes())
        )
    long = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))
    return long.cast(pa.string())


def _digits(values: Ints, width: int) -> Characters:
    text = np.empty((len(values), width), np.uint8)
    rest = values.astype(np.int64)
    for column in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, column] = digit + 48
    return text


def _rank_among_equals(keys: Ints) -> Ints:
    """0, 1, 2 ... for the equal keys, in their order."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    return ranks
