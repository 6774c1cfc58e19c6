"""The engine: coverage over integer columns (``docs/decisions/0022``).

:mod:`~kg.answers.engine.walk` follows every chain from some nodes, level by level; :mod:`~kg.answers.engine.algebra`
says what all chains of a pair say together; :mod:`~kg.answers.engine.merged` follows those of many contenders at once
where nothing is lost by it, and :func:`verdicts` answers from it; :mod:`~kg.answers.engine.overlaps` answers for many
sources of which each does all of something.  No Python object stands for a row, a chain or a pair
here: those are made by :mod:`kg.answers.graph` and :mod:`kg.answers.judge` of what is shown.
"""

from kg.answers.engine.answer import Own, Verdicts, verdicts
from kg.answers.engine.walk import View

__all__ = ["Own", "Verdicts", "View", "verdicts"]
