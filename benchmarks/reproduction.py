"""Writes docs/reproduction.md: sentences of section 4 that state a result, and what was found.

    python benchmarks/reproduction.py

Reads what `truezero reproduce` wrote, results/*/results.json, and leaves out scale "smoke".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from truezero.report.numbers import about, cell
from truezero.studies import STUDIES, Column, sentences
from truezero.studies.paper import DATA, data_of
from truezero.studies.result import Verdict
from truezero.studies.sentences import Sentence

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproduction.md"

INTRODUCTION = """\
# Section 4, sentence by sentence

Every sentence of the paper's image experiments (section 4.1) that states a result, the study that checks
it, the paper's figures, ours, and the verdict; below, what studies of text say of section 4.2. This page
is made by `python benchmarks/reproduction.py` from
`results/*/results.json`, which `truezero reproduce STUDY --data NAME --scale laptop|paper --out FOLDER`
writes; a study that is not there has not been run yet. The report of each study says which choices it made
where the paper leaves one.

In short, of small networks mostly, on what stands in for three of the paper's four data sets; scales,
differences and intervals are below:

{summary}

A difference is *confirmed* or *refuted* where the 95 % interval over the seeds (t-test) lies on one side of
the bound; “as good” is at most 0.2 points worse, on all data: of errors of 16 to 51 %, where the paper itself
calls networks competitive that are 1.3 points apart, that is hardly ever shown with three seeds. Three
seeds make wide intervals: *not decided* is what most small differences come to. Cells in bold do not differ
significantly (p = 0.05) from the best of Table 1 by another test, the paired bootstrap over test rows and
seeds, which knows more of the test rows and less of the seeds; in other tables bold is what stands below
them. Tables leave out details; the reports have them, and explain every column.

Of a study on a data set the largest scale counts. We conclude that a sentence is confirmed if some studies
confirm it and none refutes it, refuted if it is the other way round, and else not decided; one about the
paper's four data sets is confirmed where all four, or what stands in for them, confirm it, and refuted where
one refutes it. Where inputs lie below 0, as NORB's and its stand-ins', the paper's softplus reconstruction
cannot reach them: [what pre-training does then](few-labels.md#what-it-brings) decides several verdicts.
Pre-trained tanh networks stay half a point above the paper's on MNIST, and
[what else was tried](../benchmarks/README.md#mnists-column-at-paper-scale) did not help. An L1
penalty on activations with their signs, a reading that no study has,
[diverges](../benchmarks/README.md#a-penalty-with-signs) at the paper's coefficient.
"""
NOT_YET = "Not run yet."
_Stated = tuple[dict[str, Any], dict[str, Any]]  # a study's results, and its claim of a sentence
TEXTS = ("table2", "figure5", "amazon", "strategies-text", "vocabulary")


def results(folder: Path) -> list[dict[str, Any]]:
    """What studies found, by file name; those of scale "smoke" mean nothing and are left out."""
    found = [
        {
            **json.loads(path.read_text()),
            "reports": sorted(path.parent.glob("report.html")),
            "drawn": sorted(path.parent.glob("figures/*.png")),
        }
        for path in sorted(folder.glob("*/results.json"))
    ]
    return [
        result
        for result in found
        if result.get("study") in STUDIES and result.get("scale") not in (None, "smoke")
    ]


def page(found: list[dict[str, Any]]) -> str:
    """Write the page."""
    images = [result for result in found if result["study"] not in TEXTS]
    texts = [result for name in TEXTS for result in found if result["study"] == name]
    parts = [INTRODUCTION.format(summary=_summary(found)), "## Images: the sentences\n"]
    parts += [_of_sentence(number, sentence, found) for number, sentence in enumerate(sentences.IMAGES, 1)]
    parts.append("## Images: the tables\n")
    parts += [_of_result(result) for result in images] or [NOT_YET + "\n"]
    parts.append("## Text (section 4.2)\n")
    parts += [_of_result(result) for result in texts] or [NOT_YET + "\n"]
    return "\n".join(parts)


def _summary(found: list[dict[str, Any]]) -> str:
    """A row for each sentence: what is concluded, and what each data set says."""
    lines = [_line(["", "sentence", "we conclude", "data"]), _line(["---"] * 4)]
    for number, sentence in enumerate(sentences.IMAGES, 1):
        counting = _largest(_stated(sentence, found))
        said = {
            verdict: [result["data"] for result, claim in counting if claim["verdict"] == verdict]
            for verdict in get_args(Verdict)
        }
        data = "; ".join(f"{verdict}: {', '.join(dict.fromkeys(of))}" for verdict, of in said.items() if of)
        concluded = f"**{_together(sentence, counting)}**" if counting else "not run yet"
        lines.append(_line([str(number), f"“{sentence.text}”", concluded, data]))
    return "\n".join(lines)


def _stated(sentence: Sentence, found: list[dict[str, Any]]) -> list[_Stated]:
    """What studies say of a sentence."""
    return [
        (result, claim)
        for result in found
        for claim in result["claims"]
        if result["study"] in sentence.studies and claim["sentence"] == sentence.text
    ]


def _of_sentence(number: int, sentence: Sentence, found: list[dict[str, Any]]) -> str:
    lines = [f"{number}. “{sentence.text}” ({sentence.section})", ""]
    lines += [f"   Checked by {_several(sentence.studies)}. Paper: {sentence.paper}.", ""]
    stated = _stated(sentence, found)
    counting = _largest(stated)
    for result, claim in stated:
        where = "".join(f", in place of {of['paper']}" for of in result["stand_ins"])
        where = f"`{result['study']}`, scale {result['scale']}{where}"
        if any(claim is counted for _, counted in counting):
            lines.append(f"   - **{claim['verdict']}** ({where}): {claim['evidence']}")
        else:
            lines.append(f"   - {claim['verdict']}, but a larger scale counts ({where}): {claim['evidence']}")
    conclusion = _concluded(sentence, counting) if stated else "Ours: not run yet."
    return "\n".join([*lines, *([""] if stated else []), f"   {conclusion}", ""])


def _largest(stated: list[_Stated]) -> list[_Stated]:
    """Of a study on a data set, what its largest scale says."""
    by_scale = sorted(stated, key=lambda found: found[0]["scale"] == "paper")
    return list({(result["study"], result["data"]): (result, claim) for result, claim in by_scale}.values())


def _together(sentence: Sentence, counting: list[_Stated]) -> Verdict:
    """What is concluded of a sentence."""
    counts = Counter(claim["verdict"] for _, claim in counting)
    if sentence.n_data > 1:
        data = {
            data_of(result["data"], next((of["paper"] for of in result["stand_ins"]), None))
            for result, _ in counting
        }
        everywhere = set(counts) == {"confirmed"} and data >= set(DATA)
        return "refuted" if counts["refuted"] else "confirmed" if everywhere else "not decided"
    if counts["confirmed"] and counts["refuted"]:
        return "not decided"
    return "confirmed" if counts["confirmed"] else "refuted" if counts["refuted"] else "not decided"


def _concluded(sentence: Sentence, counting: list[_Stated]) -> str:
    """What is concluded of a sentence, and from how many verdicts."""
    counts = Counter(claim["verdict"] for _, claim in counting)
    of_each = ", ".join(f"{verdict} {counts[verdict]}×" for verdict in get_args(Verdict) if counts[verdict])
    return f"We conclude: **{_together(sentence, counting)}** ({of_each})."


def _several(studies: Iterable[str]) -> str:
    return " and ".join(f"`{study}`" for study in studies)


def _of_result(result: dict[str, Any]) -> str:
    """What a study claims besides, and its tables without the details that its report has."""
    lines = [f"### `{result['study']}`: {about(result)}", "", _made(result), ""]
    above = {sentence.text for sentence in sentences.IMAGES}
    claims = [claim for claim in result["claims"] if claim["sentence"] not in above]
    lines += [f"- “{claim['sentence']}” **{claim['verdict']}**: {claim['evidence']}" for claim in claims]
    lines += [""] if claims else []
    lines += [f"{of['ours']} stands in for {of['paper']}: {of['why']}.\n" for of in result["stand_ins"]]
    for table in result["tables"]:
        columns = [Column(**column) for column in table["columns"] if not column["detail"]]
        lines += [f"{table['title']}:", "", _line([column.title for column in columns])]
        lines.append(_line(["---"] * len(columns)))
        section = None
        for row in table["rows"]:
            if row.get("section", section) != section:
                section = row["section"]
                lines.append(_line([f"*{section}*", *[""] * (len(columns) - 1)]))
            cells = [cell(row, column) for column in columns]
            bold = [column.is_bold(row) for column in columns]
            lines.append(_line([f"**{c}**" if b else c for c, b in zip(cells, bold, strict=True)]))
        lines += ["", table["note"], ""] if table.get("note") else [""]
    for path in result["drawn"]:
        lines += [f"![{path.stem.replace('-', ' ')}]({_link(path, 3)})", ""]
    lines += ["What differed from the paper:\n", *(f"- {text}" for text in result["departures"]), ""]
    return "\n".join(lines)


def _made(result: dict[str, Any]) -> str:
    """How a result was made: command, processors, epochs; and where its report is."""
    made = result["provenance"]
    facts = [f"`{made['command']}`"] if "command" in made else []
    if "n_seeds" in result and result["study"] != "figure3":
        facts.append(f"{result['n_seeds']} seed{'s' if result['n_seeds'] > 1 else ''}")
    if made.get("cpu_seconds") is not None:
        facts.append(f"{made['cpu_seconds'] / 60:,.0f} minutes of the processor")
    facts += dict.fromkeys(run["processor"] for run in made.get("runs", ()) if "processor" in run)
    reports = [f"[Report]({_link(path, 2)})." for path in result["reports"]]
    chosen = [choice for choice in result["choices"] if "for up to" in choice]
    return " ".join([f"{', '.join(facts)}.", *chosen, *reports])


def _link(path: Path, n_parts: int) -> str:
    """From the page to a file of results, which has its last parts for a name there."""
    return "/".join(["..", "results", *path.parts[-n_parts:]])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(results(ROOT / "results")), encoding="utf-8")
