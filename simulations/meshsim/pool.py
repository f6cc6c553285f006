"""Many jobs at once: on the cores here, or on a Dask cluster given by its address.

Both give each report as it comes, so that a table can grow and a file be kept up to
date while hours pass.  A job that fails ends the sweep with its own sentence.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

from meshproto.errors import MeshError
from meshsim.jobs import Job, Work, run_bare
from meshsim.report.model import Report

CONNECT_TIMEOUT_S = 20.0
Given = TypeVar("Given")
Made = TypeVar("Made")

Done = Iterator[tuple[int, Report]]
"""Number of a job and its report, in the order in which they end."""


class ClusterError(MeshError):
    """The cluster cannot be used; the message is one sentence for a person."""


def run_all(
    jobs: Sequence[Job],
    work: Work = run_bare,
    *,
    scheduler: str | None = None,
    processes: int = 0,
) -> Done:
    """Run the jobs, on the cluster of a scheduler if given; 0 processes: all cores."""
    if scheduler is not None:
        return _on_cluster(jobs, work, scheduler)
    return on_cores(jobs, work, processes)


def on_cores(
    jobs: Sequence[Given], work: Callable[[Given], Made], processes: int = 0
) -> Iterator[tuple[int, Made]]:
    """Do `work` on any jobs, in fresh interpreters: nothing of one run can colour
    another.  Gives number and result as they end; 0 processes: all cores.
    """
    context = multiprocessing.get_context("spawn")
    workers = min(processes or os.cpu_count() or 1, len(jobs)) or 1
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(work, job): n for n, job in enumerate(jobs)}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _on_cluster(jobs: Sequence[Job], work: Work, scheduler: str) -> Done:
    distributed = _distributed()
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"no Dask scheduler answers at {scheduler}") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise ClusterError(f"the Dask scheduler at {scheduler} has no workers")
        futures = client.map(work, list(jobs), pure=False)
        numbers = {future.key: n for n, future in enumerate(futures)}
        for future in distributed.as_completed(futures):
            yield numbers[future.key], future.result()


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ClusterError(
            "a cluster needs the package distributed: pip install 'meshnode[cluster]'"
        ) from None
    return distributed
