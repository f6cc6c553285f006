"""A million invented sources ask for their address: answers, but no memory of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.lab.namespaces import require_root, sh
from support.lab.switch import Switched
from support.node import running_node

SOURCES = 1_000_000
PREFIXES = 500
RSS_GROWTH_MAX_BYTES = 2**20
RATIO_MAX = 1.25
PORT = 15000
FLOOD = Path(__file__).with_name("flood.py")


def flood(lab: Switched, count: int) -> dict[str, int]:
    command = [sys.executable, str(FLOOD), lab.address("node"), str(PORT)]
    done = subprocess.run(
        lab.run("flood", *command, str(count), "eth0"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, int] = json.loads(done.stdout)
    return report


@pytest.mark.timeout(300)
def test_a_million_sources_leave_no_trace_and_every_prefix_gets_an_answer() -> None:
    require_root()
    with Switched(["node", "flood"]) as lab:
        back = f"198.18.0.0/15 via {lab.address('flood')}"
        sh(f"ip -n {lab.namespace('node')} route add {back}")
        for setting in ("all", "default", "eth0"):
            sh(
                f"ip netns exec {lab.namespace('node')} sh -c"
                f" 'echo 0 > /proc/sys/net/ipv4/conf/{setting}/rp_filter'"
            )
        http = f"{lab.address('node')}:8080"
        with running_node(http=http, port=PORT, beside=lab.run("node")) as node:
            flood(lab, 20_000)  # first use of every code path and table
            before = node.rss_bytes()
            report = flood(lab, SOURCES)
            growth = node.rss_bytes() - before
    print(report, f"RSS grew by {growth} bytes")
    assert report["prefixes"] == PREFIXES
    assert report["answer_bytes"] <= RATIO_MAX * report["request_bytes"]
    assert growth <= RSS_GROWTH_MAX_BYTES
