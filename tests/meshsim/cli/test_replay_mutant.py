"""A promise that breaks in a real run is written down, and breaks again in a replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli.main import main
from meshsim.plane import SimPlane
from support.run import SMALL


def test_replay_shows_the_same_violation_with_what_led_to_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenario, file = tmp_path / "small.toml", tmp_path / "violation.json"
    scenario.write_text(SMALL)
    honest = SimPlane._accept

    def twice(self: SimPlane, state, packet, now: float) -> None:  # type: ignore[no-untyped-def]
        honest(self, state, packet, now)
        if packet.sequence == 40:
            self._deliver(packet.stream, packet.sequence, packet.born, now)

    monkeypatch.setattr(SimPlane, "_accept", twice)
    run = ["run", str(scenario), "--seed", "3", "--violation", str(file)]
    assert main([*run, "--set", "duration_s=9"]) == 1
    capsys.readouterr()
    assert main(["replay", str(file)]) == 0
    said = capsys.readouterr().out
    assert "gave packet 40 to a viewer twice" in said
    assert "Joined parent=" in said  # what the node did before, and only that
    assert "the same promise broke at the same instant" in said
    monkeypatch.undo()
    assert main(["replay", str(file)]) == 1
    assert "no promise broke" in capsys.readouterr().out
