"""Scenarios: those that come with meshsim, overrides, and every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshsim.errors import ScenarioError
from meshsim.faults import What, Who
from meshsim.network import CALM, Kind
from meshsim.scenario import Scenario, load, names, parameter, parse
from meshsim.weather import Loss
from meshsim.workload import Come

SMALL = """
title = "Small"
nodes = 10
duration_s = 60

[weather]
loss = 0.01
burst_s = 0.2

[[streams]]
name = "s"

[[audiences]]
stream = "s"
come = "flash"
over_s = 5

[[faults]]
what = "crash"
who = "relay"
at_s = 30
for_s = 2

[[faults]]
what = "lose"
packets = "probe"
share = 0.5
at_s = 40

[brain.overlay]
links_target = 8
"""


def small(**overrides: Any) -> Scenario:
    return parse(
        SMALL, "small", {k.replace("__", "."): v for k, v in overrides.items()}
    )


def test_a_scenario_is_what_its_file_says() -> None:
    scenario = small()
    assert (scenario.name, scenario.nodes, scenario.duration_s) == ("small", 10, 60.0)
    assert scenario.weather.conditions().loss == Loss(0.01, 0.2)
    assert scenario.audiences[0].come is Come.FLASH
    assert scenario.faults[0].what is What.CRASH
    assert scenario.faults[0].who is Who.RELAY
    assert scenario.faults[1].packets is Kind.PROBE
    assert scenario.brain == (("overlay.links_target", 8),)
    assert scenario.workload.streams == scenario.streams


def test_without_weather_the_network_is_calm() -> None:
    plain = parse('title = "x"\nnodes = 2\nduration_s = 1', "x")
    assert plain.weather.conditions() == CALM


def test_any_value_of_the_file_can_be_overridden() -> None:
    scenario = small(
        nodes=50,
        paths__model="cities",
        faults__1__share=0.25,
        brain__overlay__links_target=12,
        brain__routing__hold_s=0.1,
    )
    assert scenario.nodes == 50
    assert scenario.paths.model == "cities"
    assert scenario.faults[1].share == 0.25
    assert dict(scenario.brain) == {
        "overlay.links_target": 12,
        "routing.hold_s": 0.1,
    }


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("nodes", 1, "nodes=1 is not from 2"),
        ("nodes", 10**6, "nodes=1000000 is not from 2 to 100000"),
        ("duration_s", 0, "duration_s=0.0"),
        ("duration_s", 1e9, "up to 30 days"),
        ("settle_s", 61, "settle_s=61.0 is after the end"),
        ("paths.reach", "some", "reach='some' is unknown"),
        ("population.mix", "rich", "mix='rich' is unknown; expected one of study"),
        ("weather.loss", 0.7, "loss 0.7 cannot come in bursts"),
        ("audiences.0.stream", "t", "an audience watches 't': no stream"),
        ("audiences.0.nodes", [10], "an audience has .10,., beyond the last node"),
        ("faults.0.who", "nodes", "lists `nodes` if and only if"),
        ("faults.0.nodes", [3], "lists `nodes` if and only if"),
        ("faults.7.share", 0.1, "wants entry '7' of a list of 2"),
        ("faults.x.share", 0.1, "wants entry 'x'"),
        ("nodes.x", 1, "nodes.x leads into a plain value"),
        ("nodes.x.y", 1, "leads into a plain value"),
        ("brain", 3, "brain=3 is not a table"),
        ("colour", "red", "colour is unknown"),
    ],
)
def test_a_wrong_parameter_gets_one_sentence(path: str, value: Any, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        parse(SMALL, "small", {path: value})


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ('what="crash"\nwho="nodes"\nnodes=[10]', "beyond the last node"),
        ('what="sever"\nwho="nodes"\nnodes=[1]', "sever needs two nodes"),
        ('what="crush"', r"faults\[2\].what='crush' is unknown; expected crash"),
        ('what="lose"\npackets="video"', "expected control, probe, media"),
    ],
)
def test_a_wrong_fault_gets_one_sentence(fault: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        parse(f"{SMALL}\n[[faults]]\nat_s = 1\n{fault}", "small")


def test_two_streams_cannot_share_a_name() -> None:
    with pytest.raises(ScenarioError, match="two streams are called 's'"):
        parse(f'{SMALL}\n[[streams]]\nname = "s"', "small")


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(ScenarioError, match="scenario x is not TOML"):
        parse("nodes = ", "x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=1", ("a.b", 1)),
        ("a=1.5", ("a", 1.5)),
        ("a=true", ("a", True)),
        ("a=[1, 2]", ("a", [1, 2])),
        ("a=cities", ("a", "cities")),
        ("a='x=y'", ("a", "x=y")),
        (" a =", ("a", "")),
    ],
)
def test_parameters_of_a_command_line(text: str, value: tuple[str, Any]) -> None:
    assert parameter(text) == value


@pytest.mark.parametrize("text", ["a", "=1", ""])
def test_a_parameter_is_key_and_value(text: str) -> None:
    with pytest.raises(ScenarioError, match="is not key=value"):
        parameter(text)


@pytest.mark.parametrize("name", names())
def test_every_scenario_that_comes_with_meshsim_is_sound(name: str) -> None:
    scenario = load(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.about
    assert scenario.streams or scenario.rooms


def test_a_scenario_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    assert load(str(path)).name == "mine"
    assert load(str(path), {"nodes": 7}).nodes == 7


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ScenarioError, match="cannot read scenario /no/such"):
        load("/no/such.toml")
    with pytest.raises(ScenarioError, match=r"'nothing' is unknown; known are .*line"):
        load("nothing")
