"""Which plots there are, and where their axes end."""

from __future__ import annotations

from meshsim.report.build import build
from meshsim.report.plots import Plot, plots
from support.reports import observation


def named(made: list[Plot]) -> dict[str, Plot]:
    return {plot.title: plot for plot in made}


def test_a_full_run_has_all_plots() -> None:
    made = named(plots(build(observation()).series))
    assert list(made) == [
        "How late packets are",
        "How much longer than the direct path",
        "How deep the tree is",
        "How fast a fault is repaired",
        "How fast newcomers get in",
        "What control costs",
        "Who is served",
    ]
    assert all(plot.how.endswith(".") for plot in made.values())


def test_without_curves_there_are_none() -> None:
    assert plots({}) == []
    assert plots({"delay_ms": {}, "depth": {}}) == []


def test_legends_say_what_the_classes_are() -> None:
    made = named(plots(build(observation()).series))
    assert (
        made["How late packets are"].legend["oracle"] == "oracle (all-knowing planner)"
    )
    assert made["How fast a fault is repaired"].legend["one"] == "one relay dies"
    control = made["What control costs"]
    assert control.legend == {"k0": "link", "k1": "probe", "k2": "routing"}
    for name in control.legend:
        assert f"s-{name}" in control.svg


def test_a_far_straggler_does_not_squeeze_the_rest() -> None:
    line = [[float(n), n / 1_000] for n in range(1, 1_000)] + [[1e6, 1.0]]
    (plot,) = plots({"delay_ms": {"ours": line}})
    assert "1,000,000" not in plot.svg


def test_who_is_served_shows_the_top_when_all_is_well() -> None:
    (well,) = plots({"served": {"ours": [[0, 0.99], [10, 1.0]]}})
    (ill,) = plots({"served": {"ours": [[0, 0.2], [10, 1.0]]}})
    assert "92 %" in well.svg
    assert "0 %<" in ill.svg


def test_faults_are_marked_on_courses_over_time() -> None:
    series = {"served": {"ours": [[0, 1.0], [10, 1.0]]}, "marks": [[5.0, "one"]]}
    (plot,) = plots(series)
    assert 'class="mark"' in plot.svg
    assert "<title>one</title>" in plot.svg
