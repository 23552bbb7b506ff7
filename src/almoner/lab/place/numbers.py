"""Make resident numbers, household numbers and other opaque strings, vectorised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from almoner.lab.place.arrays import Bools, Days, Ints

PREFIX = "710000"  # no resident number of the mainland is issued under it, yet its check digit is right
# where people were registered when their numbers were given out: old codes, abolished ones and young ones
_PLACES = (
    "110101 110115 120110 120225 130105 130128 140106 140702 150102 150221 210211 210281 220183 220802 "
    "230184 230523 310101 310115 310225 320282 320583 330183 330212 340123 340822 350128 350582 360121 "
    "360733 370181 370683 410122 410481 420115 420683 430121 430481 440111 440306 440982 450122 450881 "
    "460105 469005 500101 500112 500119 510181 510202 510212 510221 512201 513701 520102 520115 520221 "
    "522401 522701 530111 530381 540102 542621 610111 610581 620102 620105 620123 622301 630104 640104 "
    "640221 650105 659001 810000 820000 830000 "
)
# from this order on, numbers of a place were kept for people over a hundred: nobody living has one
_RESERVED = 996
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = np.frombuffer(b"10X98765432", np.uint8)  # GB 11643-1999
_STEP = 61  # from one birthday to the next, so that neighbours in age come from different places
_SHUFFLE, _FIELD = 48_271_381, 99_999_989  # a prime field: every product is another number

Characters = npt.NDArray[np.uint8]
_CODES: Characters = np.frombuffer((_PLACES + PREFIX).replace(" ", "").encode(), np.uint8).reshape(-1, 6)


def resident_numbers(births: Days, male: Bools) -> pa.Array:
    """One valid number a person: place, birth date, order (odd for men) and check digit (GB 11643-1999).

    The places are real, with orders that nobody has. Who finds no room there has `PREFIX`. ValueError when
    more people of one sex share a birth date than there are numbers.
    """
    rank = _rank_among_equals(births.astype(np.int64) * 2 + male)
    known = len(_CODES) - 1
    room = 2 * known
    turn = (rank + births.astype(np.int64) * _STEP) % room
    order = np.where(male, 1, 0) + _RESERVED + 2 * (turn // known)
    rest = rank - room
    order = np.where(rest < 0, order, 2 * rest + np.where(male, 1, 2))
    if order.max() > 999:
        raise ValueError(f"Too many residents: a birth date has room for {room + 499} people of each sex.")
    months = births.astype("datetime64[M]")
    year = births.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (births - months.astype("datetime64[D]")).astype(np.int64) + 1
    text = np.empty((len(births), 18), np.uint8)
    text[:, :6] = _CODES[np.where(rest < 0, turn % known, known)]
    text[:, 6:17] = _digits(((year * 100 + month) * 100 + day) * 1000 + order, 11)
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
