"""Definitions, template, command and twin spell no key that the core and the tables' adapters do not have."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import json
import pkgutil
import re
import string
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.aws import tables
from clinrisk.core import object_keys
from clinrisk.core.erasure.locations import FOLLOWING, LOCATIONS
from clinrisk.core.ingest import inbox_keys
from clinrisk.core.ledger import chain
from clinrisk.core.release import ledger_entries
from tests.statemachines.definitions import MACHINES, PROJECT, everything, resources, template, text

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN, UPLOAD, JOB = "heart-0123456789", "0" * 20, "heart-0123456789-xgboost-0"
# Every value that a part of a key takes in this test.
VALUES: dict[str, list[Any]] = {
    "use_case": ["heart"],
    "run_id": [RUN],
    "upload": [UPLOAD],
    "request_id": ["0" * 16],
    "purpose": ["training", "inference"],
    "chunk": [0],
    "part": ["built"],
    "digest": ["d" * 64],
    "batch": ["replay", UPLOAD],
    "execution": ["execution-1"],
    "began": ["2026-03-01T09-30-00"],
    "stem": ["ward-7"],
    "model": ["xgboost", "logistic"],
    "job": [JOB],
    "channel": ["train", "validation"],
    "live_version": [3],
    "number": [2],
    "form": ["json", "html"],
    "evaluation_name": [RUN],
    "artefact": ["model.tar.gz", "output.tar.gz", "reference.json", "evaluation.json"],
    "account": ["123456789012"],
    "region": ["eu-central-1"],
    "group": ["clinrisk-heart-v1-1732000000", "clinrisk-stroke-v1-1732000000"],
}
# Not keys, but what is computed of one.
NO_KEYS = {"upload_id", "papers", "evaluation_name"}
# What an operand of a key in a definition stands for.
OPERANDS = {
    r"\$run_key": f"heart/{RUN}",
    r"\$evidence_key": f"heart/{RUN}",
    r"\$attempt": "",
    r"\$batch_key": f"heart/{UPLOAD}",
    r"\$replay_key": f"heart/{UPLOAD}/execution-1",
    r"\$(\w+\.|states\.\w+\.)*use_case": "heart",
    r"\$(\w+\.)?run_id": RUN,
    r"\$(\w+\.|states\.input\.\w+\.)*upload_id": UPLOAD,
    r"\$string\(\$live\.live_version\)": "3",
    r"\$states\.result\.TrainingJobName": JOB,
    r"\$name": "train",
}


def combined(names: list[str]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*(VALUES[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def spelled() -> Iterator[str]:
    """Return every key of the Lake and the Results bucket that the core spells."""
    for name, function in inspect.getmembers(object_keys, inspect.isfunction):
        if name not in NO_KEYS:
            for values in combined(list(inspect.signature(function).parameters)):
                made = function(**values)
                yield from made.values() if isinstance(made, dict) else [made]
    for pattern in object_keys.WRITTEN_BY_JOBS:
        names = {field for _, field, _, _ in string.Formatter().parse(pattern) if field}
        for values in combined(sorted(names)):
            yield pattern.format(**values)
    yield inbox_keys.receipt_key("inbox/heart/training/march.csv", "v7")


@cache
def keys() -> dict[str, frozenset[str]]:
    """Return the keys of each bucket, by its logical id."""
    every = set(spelled())
    of_results = {"receipts", "reports", "results", "outcome-overviews", "model-pages"}
    results = {key for key in every if key.split("/")[0] in of_results}
    audit = {chain.entry_key(7), chain.index_key(ledger_entries.release_identity("heart", 3))}
    return {
        "LakeBucket": frozenset(every - results),
        "ResultsBucket": frozenset(results),
        "AuditBucket": frozenset(audit),
        "InboxBucket": frozenset({f"{inbox_keys.INBOX}heart/training/march.csv"}),
    }


@cache
def items() -> frozenset[tuple[str, str]]:
    """Return the tables' items as their adapters list them."""
    found = set()
    for module in pkgutil.iter_modules(tables.__path__):
        listed = importlib.import_module(f"{tables.__name__}.{module.name}").__doc__ or ""
        found |= set(re.findall(r"^    ([A-Z_]+#)\S* +([A-Z]+|<[^ ]+|[A-Z]+#<)", listed, re.MULTILINE))
    return frozenset(found)


def address(expression: str, start: int) -> str:
    """Return the key that a definition puts together from `start` on, as text & operand & text ...

    >>> address("'s3://b/scores/' & $batch_key & '/v' & $string($live.live_version) & '/' %}", 0)
    's3://b/scores/heart/00000000000000000000/v3/'
    """
    operand = re.compile(r"\s*('(?P<text>[^']*)'|(?P<name>\$string\([^)]*\)|[$\w.]+))\s*(?P<more>&)?")
    made, more = "", True
    while more:
        match = operand.match(expression, start)
        assert match, expression[start:]
        made += match["text"] if match["name"] is None else value_of_operand(match["name"])
        start, more = match.end(), match["more"] is not None
    return made


def value_of_operand(name: str) -> str:
    [value] = {value for pattern, value in OPERANDS.items() if re.fullmatch(pattern, name)}
    return value


def addresses() -> Iterator[tuple[str, str, str]]:
    """Return machine, bucket and key of every address that a definition puts together."""
    for machine in MACHINES:
        written = text(machine)
        for match in re.finditer(r"'s3://\$\{(\w+)\}/", written):
            uri = address(written, match.start())
            yield machine, match[1], uri.partition("}/")[2]
        for match in re.finditer(r"Bucket: \$\{(\w+)\}\n\s*Key: \"\{%", written):
            yield machine, match[1], address(written, match.end())


ADDRESSES = sorted(set(addresses()))


@pytest.mark.parametrize(("machine", "bucket", "key"), ADDRESSES)
def test_a_definition_reads_and_writes_under_the_cores_keys(machine: str, bucket: str, key: str) -> None:
    del machine
    known = keys()[bucket]
    assert key in known or (key.endswith("/") and any(one.startswith(key) for one in known))


def test_every_address_of_the_definitions_was_found() -> None:
    """So that the test above cannot pass for want of addresses: each spelled bucket is followed by a key."""
    found = dict.fromkeys(MACHINES, 0)
    for machine, _, _ in addresses():
        found[machine] += 1
    spelled_buckets = {
        machine: len(re.findall(r"\$\{(?:Lake|Results|Audit|Inbox)Bucket\}", text(machine)))
        for machine in MACHINES
    }
    assert found == spelled_buckets
    assert {machine for machine, number in found.items() if number} == {
        "ingest",
        "training",
        "release",
        "scoring",
        "replay",
    }


def partition_keys(value: Any) -> Iterator[tuple[str, str]]:
    """Return start of the partition key and sort key of every item that some Arguments name."""
    if isinstance(value, dict):
        if "pk" in value:
            made = str(value["pk"]["S"])
            yield made.partition("'")[2].partition("'")[0], value["sk"]["S"]
        for inner in value.values():
            yield from partition_keys(inner)


def test_a_definition_names_items_as_the_adapters_do() -> None:
    named = {item for located in everything() for item in partition_keys(located.state.get("Arguments", {}))}
    assert named == {("UPLOAD#", "STATE"), ("SHADOW#", "WAITING"), ("USE_CASE#", "LIVE")}
    assert named <= items()


def subs(value: Any) -> Iterator[str]:
    """Return every text of the template that Fn::Sub fills in."""
    if isinstance(value, dict):
        if isinstance(value.get("Fn::Sub"), str):
            yield value["Fn::Sub"]
        for inner in value.values():
            yield from subs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from subs(inner)


OBJECTS = sorted(
    {
        (match[1], match[2].replace("${NamePrefix.Value}", "clinrisk"))
        for spelled_text in subs(template()["Resources"])
        if (match := re.fullmatch(r"(?:s3://)?\$\{(\w+Bucket)(?:\.Arn)?\}/(.+)", spelled_text))
        and match[1] in {"LakeBucket", "ResultsBucket", "AuditBucket", "InboxBucket"}
    }
)


@pytest.mark.parametrize(("bucket", "pattern"), [one for one in OBJECTS if one[1] != "*"])
def test_a_policy_names_objects_that_the_core_spells(bucket: str, pattern: str) -> None:
    wanted = f"{pattern}*" if pattern.endswith("/") else pattern
    for name in use_cases.names():
        wanted = wanted.replace(f"/{name}/", "/*/")
    assert any(fnmatchcase(key, wanted) for key in keys()[bucket])


def listed_prefixes() -> Iterator[tuple[str, str]]:
    """Return buckets and prefix of every permission to list some keys, and of every lifecycle rule."""
    for properties in resources("AWS::IAM::ManagedPolicy").values():
        for entry in properties["PolicyDocument"]["Statement"]:
            statement = entry["Fn::If"][1] if "Fn::If" in entry else entry
            given = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", [])
            listed = (
                statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            )
            for prefix in given if isinstance(given, list) else [given]:
                yield " ".join(one["Fn::GetAtt"][0] for one in listed), prefix
    for name, bucket in resources("AWS::S3::Bucket").items():
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            if "Prefix" in rule:
                yield name, f"{rule['Prefix']}*"


@pytest.mark.parametrize(("buckets", "prefix"), sorted(set(listed_prefixes())))
def test_a_prefix_that_is_listed_or_forgotten_is_one_of_the_cores(buckets: str, prefix: str) -> None:
    assert any(fnmatchcase(key, prefix) for bucket in buckets.split() for key in keys()[bucket])


def test_a_policy_names_leading_keys_that_an_adapter_spells() -> None:
    written = json.dumps(resources("AWS::IAM::ManagedPolicy"))
    leading = set(re.findall(r'"dynamodb:LeadingKeys": "([^"]*)\*"', written))
    assert leading == {"CHANGES#", "HOLDOUT_USE#", "SHADOW#", "STOP#", "UPLOAD#"}
    assert leading <= {start for start, _ in items()}


def literals(folder: str) -> Iterator[tuple[str, str]]:
    """Return file and text of every string of a package's code, "*" for what an f-string fills in."""
    for path in sorted((PROJECT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        skipped = {
            id(first.value)
            for node in ast.walk(tree)
            if isinstance(node, documented)
            for first in node.body[:1]
            if isinstance(first, ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                skipped |= {id(part) for part in node.values}
                parts = [part.value if isinstance(part, ast.Constant) else "*" for part in node.values]
                yield path.name, "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
                yield path.name, node.value


def is_a_key(literal: str) -> bool:
    """Whether a text begins like a key of a bucket or of a table's item.

    >>> is_a_key("findings/heart/x.json"), is_a_key("USE_CASE#heart"), is_a_key("and/or")
    (True, True, False)
    """
    folders = {f"{key.split('/')[0]}/" for bucket in keys().values() for key in bucket}
    return literal.startswith((*folders, *(start for start, _ in items())))


def test_the_command_spells_no_key_of_its_own() -> None:
    assert [found for found in literals("cli") if is_a_key(found[1])] == []


def test_the_twin_spells_keys_as_the_core_does_since_it_may_not_import_it() -> None:
    every = [key for bucket in keys().values() for key in bucket]
    starts = {start for start, _ in items()}
    for name, literal in literals("twin"):
        if is_a_key(literal):
            known = any(fnmatchcase(key, literal) or fnmatchcase(key, f"{literal}/*") for key in every)
            assert known or literal.startswith(tuple(starts)), (name, literal)


def test_nothing_but_the_core_and_the_adapters_spells_a_key() -> None:
    """The package itself: keys come from object_keys, inbox_keys, the ledger's chain and the tables."""
    homes = {
        "object_keys.py",
        "inbox_keys.py",
        "chain.py",
        # The prefixes below which an erasure looks for rows; the test below holds them against the keys.
        "locations.py",
        *(path.name for path in adapters()),
    }
    found = {name for name, literal in literals("layers/clinrisk/clinrisk") if is_a_key(literal)}
    assert found <= homes
    assert {name for name, literal in literals("functions") if is_a_key(literal)} == set()


def test_an_erasure_looks_below_prefixes_that_the_core_spells() -> None:
    buckets = {"inbox": "InboxBucket", "lake": "LakeBucket", "results": "ResultsBucket"}
    for location in (*LOCATIONS, *FOLLOWING):
        prefix = location.prefix.format(use_case="heart", upload=UPLOAD)
        ending = location.keys.format(upload=UPLOAD) if location.form == "unread" else location.keys
        named = [key for key in keys()[buckets[location.bucket]] if key.startswith(prefix)]
        assert any(re.search(ending, key) for key in named), location.name


def adapters() -> list[Any]:
    return list((PROJECT / "layers/clinrisk/clinrisk/aws/tables").glob("*.py"))
