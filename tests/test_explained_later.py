"""Explanations are made when they are first asked for; nobody can tell by looking."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import date

import pytest

from kg import Release
from kg.answers import assess
from kg.answers.coverage import _EXPLAINED
from kg.answers.engine.algebra import distinct
from kg.model import Control, ControlRow, ControlStatus
from kg.relations import EQUAL

np = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def results():
    release = Release.load()
    ids = [p.id for p in release.requirements("gdpr", date(2026, 11, 1))][::3]
    controls = [
        Control(id=f"C{i}", title="made up", status=ControlStatus.IMPLEMENTED, rows=(ControlRow(id_, EQUAL),))
        for i, id_ in enumerate(ids)
    ]

    def ask():
        return assess(release, controls, as_of=date(2026, 11, 1)).coverage("gdpr").requirements

    return ask


def test_a_result_equals_another_whichever_was_looked_at_first(results):
    looked, fresh = results(), results()
    assert sum(r.explanation is not None for r in looked) > 20
    assert looked == fresh
    assert all(r.explanation is r.explanation for r in fresh)
    assert repr(looked[0]) == repr(results()[0])


def test_what_chains_pass_is_known_without_them(results):
    """Cautions travel with an answer by the nodes that its chains pass."""
    looked = [r.explanation for r in results()]
    passed = {end for e in looked if e for s in e.steps for end in (s.subject, s.object)}
    assert len(passed) > 40
    assert _EXPLAINED.passed(results()) == passed
    half = results()
    for r in half[::2]:
        assert r.explanation == looked[half.index(r)]
    assert _EXPLAINED.passed(half) == passed


def test_a_result_is_copied_and_pickled_whole(results):
    for one, copied, loaded in zip(
        results(), (dataclasses.replace(r) for r in results()), pickle.loads(pickle.dumps(results())), strict=True
    ):
        assert one == copied == loaded
    changed = dataclasses.replace(results()[0], explanation=None)
    assert changed.explanation is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.explanation = results()[0].explanation


def test_distinct_is_what_numpy_says():
    values = np.random.default_rng(7).integers(0, 40, 200)
    for some in (values, values[:1], values[:0]):
        ours, theirs = distinct(some), np.unique(some, return_index=True)
        assert all((a == b).all() and len(a) == len(b) for a, b in zip(ours, theirs, strict=True))
