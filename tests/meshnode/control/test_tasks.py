"""Tasks of one owner: bounded, counted, ended together."""

from __future__ import annotations

import asyncio

import pytest

from meshnode.control.tasks import Tasks
from support.control_world import until


async def test_a_failure_is_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise RuntimeError("no")

    tasks = Tasks()
    for _ in range(3):
        assert tasks.spawn(fails())
    await until(lambda: not len(tasks), "all have ended")
    assert sum(tasks.failures.values()) == 3
    assert len(caplog.records) == 1


async def test_too_many_are_refused() -> None:
    tasks = Tasks(1)
    assert tasks.spawn(asyncio.sleep(10))  # type: ignore[arg-type]
    assert not tasks.spawn(asyncio.sleep(10))  # type: ignore[arg-type]
    assert tasks.refused == 1
    await tasks.close()
    assert not len(tasks)


async def test_one_that_never_began_leaves_no_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    tasks = Tasks()
    tasks.spawn(asyncio.sleep(10))  # type: ignore[arg-type]
    await tasks.close()
    assert not [w for w in recwarn if "never awaited" in str(w.message)]
