"""`out/index.html`: what to look at first in five steps, and every file of the demo with a sentence."""

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

from twin.demo.walkthrough import Walkthrough
from twin.state import PROJECT

HOUSE_STYLE = PROJECT / "layers/clinrisk/clinrisk/core/release/page/templates/page.css"
SENTENCES = {
    "report": "The evidence that the approver read: how well the candidate does, and for whom.",
    "model_card": "What the model is for, what it learned from, and what it must not be used for.",
    "model_card_chai": "The same card for programs, in the form of the Coalition for Health AI.",
    "model_card_hti1": "The same card as the source attributes that the HTI-1 rule names.",
    "model_page": "How the live model does now: outcomes, groups, drift, open findings, batches.",
    "evaluation": "Every figure of the report, for programs.",
    "manifest": "The training set by digests: which files, which rows, which split.",
    "findings": "What monitoring found, check by check and batch by batch.",
    "results": "The risks of the patients who came later, as clinicians get them; next to it, its columns.",
    "results_shifted": "The batch from another population: held, then let through, with its cautions.",
    "evidence": "What the live version rests on: clinrisk audit verify --bundle evidence.zip checks it.",
    "receipts": "One receipt per dropped file: every row used, set aside with a reason, or refused.",
}


def write_index(out: Path, walkthroughs: list[Walkthrough], console: str) -> Path:
    """Write the page over all that the demo left, and return its file; without `console` none stays."""
    target = out / "index.html"
    title = "clinrisk: what the demo left"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{HOUSE_STYLE.read_text(encoding='utf-8')}</style></head><body>",
        "<header><p>clinrisk <span>· the demo on this laptop</span></p></header><main>",
        f'<h1>{title}</h1><p class="lead">Synthetic or public patients; decision support, not a device.</p>',
        "<section><h2>What to look at first</h2><ol>",
        *_steps(out, walkthroughs, console),
        "</ol></section>",
        *(_of_use_case(out, one) for one in walkthroughs),
        '<p><a href="demo.json">demo.json</a> has all of it for programs.</p>',
        "</main></body></html>",
    ]
    target.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return target


def _steps(out: Path, walkthroughs: list[Walkthrough], console: str) -> Iterator[str]:
    first = walkthroughs[0]
    files = first.record.artefacts
    for name, text in (
        ("report", f"The report on the {first.name} model, which an approver read before it went live"),
        ("results", "The results of a good batch: risk, interval, band, factors and doubts of each patient"),
        ("results_shifted", "The results of a batch that was held, and why: its column batch_caution"),
        ("model_page", "The page of the live model: that batch has raised its drift finding"),
    ):
        yield (
            f"<li>{_link(out, files[name], text)}.</li>"
            if name in files
            else f"<li>{text}: not reached.</li>"
        )
    if console:
        # The key stays on the terminal: this file may be copied.
        address = escape(console.partition("?")[0])
        text = f'The <a href="{address}">console</a>, once you have opened the address that was printed'
    else:
        text = "The console with all of this alive: <code>make demo APPROVE=1 KEEP=1</code>"
    yield f"<li>{text}.</li>"


def _of_use_case(out: Path, walkthrough: Walkthrough) -> str:
    record = walkthrough.record
    live = f"live as version {record.live_version}" if record.live_version else "nothing is live"
    rows = "".join(
        f'<tr><th scope="row">{_link(out, path, name.replace("_", " "))}</th>'
        f"<td>{SENTENCES.get(name, '')}</td></tr>"
        for name, path in record.artefacts.items()
    )
    unexpected = "".join(f'<p class="unmet">Not as expected: {escape(one)}</p>' for one in record.unexpected)
    return (
        f"<section><h2>{escape(walkthrough.contract.title)}</h2>{unexpected}"
        f"<p>{escape(record.source)}: {escape(record.verdict)}, {escape(record.decision)}, {live}; "
        f"{record.scored_rows:,} patients scored.</p>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Files of {escape(walkthrough.name)}">'
        f"<table><tbody>{rows}</tbody></table></div></section>"
    )


def _link(out: Path, path: str, text: str) -> str:
    """Return a link from the page to a file, which is found wherever the folder is moved to."""
    return f'<a href="{escape(Path(os.path.relpath(path, out)).as_posix())}">{escape(text)}</a>'
