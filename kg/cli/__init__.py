"""The command line ``kg``: thin over ``kg.answers`` and ``kg.exports``.

    app        the commands with their examples, and what happens when something goes wrong
    options    every option, described once
    session    from arguments to a release, controls, a profile and an assessment
    output     formats, files and the terminal
    render     how answers look in a terminal
    assess, demo, browse, show, data, serve      the commands by theme

Modules import at their top what ``kg --help`` needs and the rest where it is used, so that the command starts fast.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run ``kg`` with the arguments of the process and exit."""
    import gc
    import os

    # No command multiplies matrices that are worth a second thread, a server has one for each request, and the threads
    # of NumPy's BLAS take time to start and wait for work in a loop while everything else is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What is imported and answered is many small values that live to the end: looking through them again and again
    # for cycles takes up to half the time.
    gc.set_threshold(200_000, 20, 100)
    try:
        from kg.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()  # nor when the process ends, and everything goes with it
