"""Many jobs at once: on processes here, and on a real Dask cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from meshsim.errors import ScenarioError
from meshsim.jobs import Job
from meshsim.pool import ClusterError, run_all
from support.ports import free_port
from support.work import failing_work, synthetic_work

pytestmark = pytest.mark.timeout(300)
JOBS = [Job("line", seed, {"paths.model": "planetlab"}) for seed in (1, 2, 3)]
START_S = 120.0


def test_every_job_comes_back_once_with_its_number() -> None:
    found = dict(run_all(JOBS, synthetic_work, processes=2))
    assert sorted(found) == [0, 1, 2]
    assert [found[n].seed for n in range(3)] == [1, 2, 3]
    assert found[0].figures == synthetic_work(JOBS[0]).figures


def test_a_job_that_cannot_be_ends_it_with_its_own_sentence() -> None:
    with pytest.raises(ScenarioError, match="seed 1 is unlucky"):
        list(run_all(JOBS[:1], failing_work, processes=1))


def test_no_jobs_are_no_work() -> None:
    assert list(run_all([], synthetic_work)) == []


@contextmanager
def running(*arguments: str) -> Iterator[None]:
    """A process of Dask's, as its commands start it."""
    root = Path(__file__).resolve().parents[2]
    ways = [root / "protocol", root / "simulations", root / "tests", root]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, ways))}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def cluster() -> Iterator[str]:
    """A scheduler and two workers; its address."""
    distributed = pytest.importorskip("distributed")
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    where = ("--host", "127.0.0.1")
    with ExitStack() as stack:
        scheduler = ("distributed.cli.dask_scheduler", *where, "--port", port)
        stack.enter_context(running(*scheduler, "--no-dashboard"))
        worker = ("distributed.cli.dask_worker", address, *where, "--no-nanny")
        for _ in range(2):
            stack.enter_context(running(*worker, "--nthreads", "1", "--no-dashboard"))
        with distributed.Client(address, timeout=START_S) as client:
            client.wait_for_workers(2, timeout=START_S)
        yield address


@pytest.mark.long
def test_a_cluster_gives_the_figures_that_this_machine_gives(cluster: str) -> None:
    found = dict(run_all(JOBS, synthetic_work, scheduler=cluster))
    assert sorted(found) == [0, 1, 2]
    assert found[2].figures == synthetic_work(JOBS[2]).figures
    with pytest.raises(ScenarioError, match="unlucky"):
        list(run_all(JOBS[:1], failing_work, scheduler=cluster))


def test_a_scheduler_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("meshsim.pool.CONNECT_TIMEOUT_S", 0.5)
    began = time.monotonic()
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127"):
        list(run_all(JOBS, scheduler=f"tcp://127.0.0.1:{free_port()}"))
    assert time.monotonic() - began < 60


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'meshnode\[cluster\]'"):
        list(run_all(JOBS, scheduler="tcp://127.0.0.1:1"))
