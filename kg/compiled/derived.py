"""What follows from a release and nearly every command asks for, worked out once, when its build is made.

It is read back by :class:`~kg.release.Release` and :class:`~kg.answers.graph.Graph` in the place of their own working
out, which stays for a release that was read from its sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from kg.arrays import Array
    from kg.release import Release

__all__ = ["COVERS", "covers", "structure"]

#: The columns of :func:`covers`: texts (states × frameworks, day numbers), where the pairs of each state begin, and the
#: pairs: a reference control or joint node, and beside it a provision that it contains or overlaps.
COVERS = ("cover_texts", "cover_offsets", "cover_start", "cover_target")
#: How many states of the texts in force the pairs are kept for, the newest: older days are rarely asked for.
MOST_STATES = 4


def structure(release: Release) -> dict[str, Any]:
    """``wholes``: provision → the whole it stands in; ``requirements``: framework → day of a text → the ids of its
    requirements in reading order."""
    return {
        "wholes": {part: whole for part in sorted(release.wholes_of) if (whole := release.whole(part))},
        "requirements": {
            f.id: {v.date.isoformat(): [p.id for p in release.requirements(f.id, v.date)] for v in f.text_versions}
            for f in release.frameworks.values()
        },
    }


def covers(release: Release) -> dict[str, np.ndarray[Any, Any]]:
    """What the shipped controls could cover, without a filter, in each state of the texts."""
    import numpy as np

    from kg.answers.filter import Filter
    from kg.answers.graph import Graph

    states: dict[tuple[int, ...], tuple[Array, Array]] = {}
    days = sorted({v.date for f in release.frameworks.values() for v in f.text_versions}, reverse=True)
    for day in days:
        texts = tuple(release.arrays.texts(day).tolist())
        if texts not in states and len(states) < MOST_STATES:
            states[texts] = Graph(release, day, Filter()).covers()
    pairs = list(states.values())
    return {
        "cover_texts": np.array([*states], np.int32).reshape(len(states), len(release.frameworks)),
        "cover_offsets": np.cumsum([0, *(len(starts) for starts, _ in pairs)], dtype=np.int64),
        "cover_start": np.concatenate([np.empty(0, np.int32), *(s.astype(np.int32) for s, _ in pairs)]),
        "cover_target": np.concatenate([np.empty(0, np.int32), *(t.astype(np.int32) for _, t in pairs)]),
    }
