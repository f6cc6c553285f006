"""The report as one HTML page without any outside resource, for people.

Sentences first, then the limits, then plots with a line on how to read them, one repair
to step through, and at the end every figure.  It opens from a disk, prints, and is
right in light and dark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

from meshsim.acceptance import Judged, Verdict
from meshsim.figures import figure_of, shown
from meshsim.report.model import Report
from meshsim.report.plots import Plot, plots
from meshsim.report.words import sentences, verdict_line

MARKS = {
    Verdict.AIM: ("good", "aim reached"),
    Verdict.MET: ("good", "met"),
    Verdict.MISSED: ("bad", "missed"),
    Verdict.UNSEEN: ("none", "not measured"),
}
STORY_LEGEND = (
    ("fed", "has media"),
    ("dead", "dead"),
    ("silent", "cut off"),
    ("aware", "has noticed"),
    ("asking", "asks for media"),
    ("queued", "queued"),
    ("promised", "accepted, waits for the first packet"),
)


def page(report: Report) -> str:
    """The whole page."""
    title = report.title or report.scenario
    body = [
        f"<header><p class=kind>mesh simulation report</p><h1>{escape(title)}</h1>",
        f"<p class=sub>{escape(_subtitle(report))}</p></header>",
        *_summary(report),
        *_limits(report),
        *_violations(report),
        *_plots(report),
        *_story(report),
        *_figures(report),
        *_footer(report),
    ]
    return document(title, body)


def document(title: str, body: Sequence[str]) -> str:
    """A page of ours around some content."""
    css, script = _asset("page.css"), _asset("story.js")
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>"
        f"<body><main>{''.join(body)}</main><script>{script}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return files("meshsim.report").joinpath("assets", name).read_text("utf-8")


def _subtitle(report: Report) -> str:
    changed = [
        f"{key}={value}"
        for key, value in report.parameters.items()
        if key not in {"nodes", "model", "duration_s"}
    ]
    return ", ".join([f"scenario {report.scenario}", f"seed {report.seed}", *changed])


def _summary(report: Report) -> Iterator[str]:
    judged = report.judged()
    missed = any(each.verdict is Verdict.MISSED for each in judged)
    yield "<section class=summary>"
    yield f'<p class="verdict {"bad" if missed else "good"}">'
    yield f"{escape(verdict_line(judged))}</p>"
    yield from (f"<p>{escape(sentence)}</p>" for sentence in sentences(report))
    yield "</section>"


def _limits(report: Report) -> Iterator[str]:
    judged = [j for j in report.judged() if j.verdict is not Verdict.UNSEEN]
    if not judged:
        return
    yield "<section><h2>What was asked, and what came</h2>"
    yield "<p class=how>Each line is a limit of the acceptance table. The oracle is an"
    yield " all-knowing planner with the same nodes; the ancestor is the draft protocol"
    yield " that this mesh descends from, in the same run.</p>"
    yield from judged_table(judged, report)
    yield "</section>"


def judged_table(judged: Sequence[Judged], report: Report | None) -> Iterator[str]:
    """Limits with verdicts, as a table; of one report or of many."""
    last = ("oracle", "ancestor") if report else ("how judged", "runs")
    names = ("figure", "here", "accept", "aim", "study", *last, "")
    yield "<div class=wide><table><thead><tr>"
    yield from (f"<th>{name}</th>" for name in names)
    yield "</tr></thead><tbody>"
    for each in judged:
        yield _judged_row(each, report)
    yield "</tbody></table></div>"


def _judged_row(each: Judged, report: Report | None) -> str:
    bar, name = each.bar, each.bar.figure
    mark, word = MARKS[each.verdict]
    sign = "≥" if bar.wants_more else "≤"
    cells = [
        shown(name, each.value),
        f"{sign} {shown(name, bar.accept)}",
        "" if bar.aim is None else shown(name, bar.aim),
        bar.study,
    ]
    if report is not None:
        columns = (report.oracle, report.ancestor)
        cells += ["" if name not in c else shown(name, c[name]) for c in columns]
    else:
        cells += [bar.over.value, str(each.runs)]
    title = figure_of(name).title if report else f"{each.row.title}: {name}"
    row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return (
        f"<tr><th>{escape(title)}</th>{row}<td><span class='mark {mark}'>{word}</span>"
        "</td></tr>"
    )


def _violations(report: Report) -> Iterator[str]:
    if not report.violations:
        return
    yield "<section><h2>Broken promises</h2>"
    for violation in report.violations:
        said = f"{violation['checker']}: {violation['message']}"
        yield f"<details><summary>{escape(said)}</summary><pre>"
        yield escape("\n".join(violation["events"])) + "</pre></details>"
    yield "</section>"


def _plots(report: Report) -> Iterator[str]:
    drawn = plots(report.series)
    if not drawn:
        return
    yield "<section><h2>The run in pictures</h2><div class=plots>"
    yield from (plot_figure(plot) for plot in drawn)
    yield "</div></section>"


def plot_figure(plot: Plot) -> str:
    """One plot with its title, legend and how to read it."""
    legend = "".join(
        f'<span class="key s-{escape(name)}">{escape(said)}</span>'
        for name, said in plot.legend.items()
    )
    return (
        f"<figure><h3>{escape(plot.title)}</h3><div class=legend>{legend}</div>"
        f"{plot.svg}<figcaption>{escape(plot.how)}</figcaption></figure>"
    )


def _story(report: Report) -> Iterator[str]:
    if not report.story:
        return
    data = json.dumps(report.story, separators=(",", ":")).replace("<", "\\u003c")
    keys = "".join(
        f'<span class="key n-{state}">{said}</span>' for state, said in STORY_LEGEND
    )
    yield "<section><h2>One repair, step by step</h2>"
    yield "<p class=how>The tree before the fault, from the publisher's node at the top"
    yield " down. Step with the buttons, the slider or the arrow keys.</p>"
    yield f"<div class=legend>{keys}</div>"
    yield "<div class=story id=story><p class=steps><button data-go=back>back</button>"
    yield "<button data-go=play>play</button><button data-go=next>next</button>"
    yield "<input type=range min=0 value=0 aria-label=step><b class=time></b></p>"
    yield "<p class=said aria-live=polite></p><div class=wide><svg></svg></div></div>"
    yield f'<script type="application/json" id=story-data>{data}</script></section>'


def _figures(report: Report) -> Iterator[str]:
    yield "<section><details><summary>Every figure</summary><div class=wide><table>"
    yield "<thead><tr><th>figure</th><th>here</th><th>oracle</th><th>ancestor</th>"
    yield "<th>name in the JSON report</th></tr></thead><tbody>"
    for name, value in report.figures.items():
        columns = (_cell(name, c) for c in (report.oracle, report.ancestor))
        row = "".join(f"<td>{escape(cell)}</td>" for cell in columns)
        title = escape(figure_of(name).title)
        here = escape(shown(name, value))
        code = f"<td><code>{escape(name)}</code></td>"
        yield f"<tr><th>{title}</th><td>{here}</td>{row}{code}</tr>"
    yield "</tbody></table></div></details></section>"


def _cell(name: str, table: Mapping[str, float | None]) -> str:
    return shown(name, table[name]) if name in table else ""


def _footer(report: Report) -> Iterator[str]:
    run = report.run
    if not run:
        return
    told = [
        f"meshsim {report.version}, Python {run['python']}",
        f"{run['simulated_s']:,.0f} s simulated in {run['wall_s']:,.1f} s",
        f"{run['events']:,} events",
        f"{float(run['memory_bytes']) / 2**30:.2f} GiB",
    ]
    if run["log_hash"]:
        told.append(f"event log {str(run['log_hash'])[:16]}")
    yield f"<footer>{escape('; '.join(told))}</footer>"
