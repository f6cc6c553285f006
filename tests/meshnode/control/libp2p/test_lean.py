"""What a node imports of py-libp2p, each test in a process that imported nothing."""

from __future__ import annotations

import subprocess
import sys

from meshnode.control.libp2p import lean
from meshnode.control.libp2p.yamux import LIBP2P_VERSION
from support.shared import ROOT

NOT_OURS = ("zeroconf", "httpx", "libp2p.kad_dht", "libp2p.pubsub.gossipsub")
ENTER = """
import sys
from meshnode.control.libp2p import lean
lean.enter()
import meshnode.control.libp2p.switch
"""


def said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protocol'}"},
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_a_node_imports_what_it_uses_and_no_more() -> None:
    found = said(ENTER + f"print([n for n in {NOT_OURS} if n in sys.modules])")
    assert found == "[]"


def test_whoever_wants_the_rest_of_it_still_has_it() -> None:
    program = ENTER + "from libp2p import new_host\nimport libp2p\n"
    program += "from libp2p.pubsub.gossipsub import GossipSub\n"
    program += "print(new_host is libp2p.new_host, libp2p.__version__)\n"
    program += "print(type(libp2p).__name__, 'zeroconf' in sys.modules)"
    assert said(program).split() == ["True", LIBP2P_VERSION, "module", "True"]


def test_a_version_that_was_not_read_is_imported_as_it_comes() -> None:
    program = ENTER.replace("lean.enter()", "lean.READ_VERSION = '0'\nlean.enter()")
    assert said(program + "print('zeroconf' in sys.modules)") == "True"
    assert lean.READ_VERSION == LIBP2P_VERSION


def test_a_node_without_recordings_and_data_channels_loads_no_ffmpeg() -> None:
    program = "import sys\nimport meshnode.cli.run\n"
    program += "print([n for n in ('av', 'aiortc', 'libp2p') if n in sys.modules])"
    assert said(program) == "[]"
