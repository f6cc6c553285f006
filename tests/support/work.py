"""Jobs for pools and clusters: importable there, and without the mesh."""

from __future__ import annotations

from meshsim.errors import ScenarioError
from meshsim.jobs import Job, run_job
from meshsim.report.model import Report
from support import synthetic


def synthetic_work(job: Job) -> Report:
    """A drawn report."""
    return run_job(job, simulator=synthetic.simulate).bare()


def failing_work(job: Job) -> Report:
    """A job that cannot be."""
    raise ScenarioError(f"seed {job.seed} is unlucky")
