"""Many reports as one page: the verdicts over all of them, and a line for each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from meshsim.acceptance import Judged, Verdict
from meshsim.report.model import Report
from meshsim.report.page import document, judged_table
from meshsim.report.words import verdict_line


def summary_page(judged: Sequence[Judged], reports: Sequence[Report]) -> str:
    """The whole page."""
    missed = any(each.verdict is Verdict.MISSED for each in judged)
    body = [
        "<header><p class=kind>mesh simulation, acceptance</p>",
        f"<h1>{len(reports)} runs against the acceptance table</h1></header>",
        f'<section class=summary><p class="verdict {"bad" if missed else "good"}">',
        f"{escape(verdict_line(list(judged)))}</p></section><section>",
        *judged_table(judged, None),
        "</section><section><h2>The runs</h2>",
        *_runs(reports),
        "</section>",
    ]
    return document("acceptance", body)


def _runs(reports: Sequence[Report]) -> Iterator[str]:
    yield "<div class=wide><table><thead><tr><th>scenario</th><th>model</th><th>seed"
    yield "</th><th>nodes</th><th>minutes</th><th>GiB</th><th>limits missed</th></tr>"
    yield "</thead><tbody>"
    for report in reports:
        missed = [j.row.key for j in report.judged() if j.verdict is Verdict.MISSED]
        cells = [
            str(report.parameters.get("model", "")),
            str(report.seed),
            f"{report.nodes:,}",
            f"{float(report.run.get('wall_s', 0)) / 60:.1f}",
            f"{float(report.run.get('memory_bytes', 0)) / 2**30:.2f}",
            ", ".join(dict.fromkeys(missed)),
        ]
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        yield f"<tr><th>{escape(report.scenario)}</th>{row}</tr>"
    yield "</tbody></table></div>"
