"""`python -m twin.repairs digests`: print the digest of every repaired target of the installed engine."""

import sys

from twin.repairs import load
from twin.repairs.repair_registry import digests

if sys.argv[1:] != ["digests"]:
    raise SystemExit(__doc__)
recorded = {repair.target: repair.source_sha256 for repair in load().repairs}
for target, digest in digests(load()).items():
    sys.stdout.write(f"{digest}  {target}{'' if digest == recorded[target] else '  (differs)'}\n")
