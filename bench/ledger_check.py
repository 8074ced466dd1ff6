"""How many entries of the ledger are verified per second of CPU, and which share of flipped bits is found.

Run with `.envs/dev/bin/python bench/ledger_check.py`. Decisions of about 2 KB; reading them is not counted.
"""

from __future__ import annotations

import random
import time

from clinrisk.core.digests import sha256
from clinrisk.core.ledger.chain import ChainedEntry, next_entry
from clinrisk.core.ledger.verification import verify
from clinrisk.core.release.ledger_entries import DecisionEntry

ENTRIES, FLIPS = 20_000, 100
NAMES = (
    *("model", "manifest", "evaluation", "report", "model_card", "model_card_chai", "model_card_hti1"),
    *("code", "features", "image", "threshold", "champion_version"),
)
DIGESTS = {name: sha256(name.encode()) for name in NAMES}


def decision(number: int) -> DecisionEntry:
    """Return a decision like those of the heart use case."""
    return DecisionEntry(
        use_case="heart",
        run_id="heart-0123456789",
        package_arn="arn:aws:sagemaker:eu-west-1:123456789012:model-package/clinrisk-heart/3",
        package_version=3,
        approval_id=f"{number:024d}",
        decided_at="2026-03-01T09:30:00.000Z",
        digests=DIGESTS,
        decision="APPROVED",
        reason="Well calibrated in women too, and no group is served worse than before.",
        evidence={name: DIGESTS[name] for name in NAMES[2:7]},
    )


def main() -> None:
    """Print both figures."""
    entries: list[ChainedEntry] = []
    for number in range(ENTRIES):
        entries.append(next_entry(entries[-1] if entries else None, decision(number)))
    data = [one.data for one in entries]
    index = {one.identity: one.index_data for one in entries}
    started = time.process_time()
    found = verify(data, index)
    seconds = time.process_time() - started
    print(f"{found.count / seconds:,.0f} entries of {len(data[0])} bytes per second of CPU")
    draw, caught = random.Random(0), 0  # noqa: S311 - which bit is flipped is no secret
    few = 200
    for _ in range(FLIPS):
        altered, names = data[:few], dict(list(index.items())[:few])
        which = draw.randrange(2 * few)
        key = list(names)[which % few]
        original = altered[which] if which < few else names[key]
        at = draw.randrange(len(original))
        changed = original[:at] + bytes([original[at] ^ 1 << draw.randrange(8)]) + original[at + 1 :]
        if which < few:
            altered[which] = changed
        else:
            names[key] = changed
        difference = verify(altered, names).difference
        caught += difference is not None and difference.number == which % few + 1
    print(f"{caught} of {FLIPS} flipped bits found, each at its entry")


if __name__ == "__main__":
    main()
