"""A Distributed Map as a JSONata definition writes it; inline Maps are the engine's."""

import os
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair


@repair(
    "ministack.services.stepfunctions._run_distributed_map",
    reason="ItemReader and ItemSelector are resolved as JSONPath only; Assign and Output are left out.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html",
    source_sha256="2b77d3ec0e04f8f19753678ebd461ff7bfc77d587daab309c523eaf3040167c7",
)
def run_jsonata_map(
    original: Original,
    state: dict[str, Any],
    given: Any,
    effective: Any,
    iterator: Any,
    execution: Any,
    ctx: Any,
) -> Any:
    """Run a Distributed Map whose fields are JSONata.

    Its items are read, and then run as those of an inline Map: their states show up in the execution's own
    history. A laptop has fewer processors than AWS: no more items run at a time than it has.
    """
    if sfn._state_query_language(state, ctx) != "JSONata":
        return original(state, given, effective, iterator, execution, ctx)
    inline = {name: value for name, value in state.items() if name != "ItemReader"}
    if reader := state.get("ItemReader"):
        arguments = sfn._apply_jsonata_template(reader["Arguments"], given, ctx)
        inline["Items"] = sfn._read_map_items({**reader, "Arguments": arguments}, effective, ctx)
    inline["ItemProcessor"] = {**iterator, "ProcessorConfig": {"Mode": "INLINE"}}
    inline["MaxConcurrency"] = min(state.get("MaxConcurrency") or 8, os.cpu_count() or 1)
    try:
        return sfn._run_map_items(inline, given, execution, ctx)
    except sfn._ExecutionError as error:
        # A Map Run fails as one, and names no child's error.
        message = "The specified tolerated failure threshold was exceeded"
        raise sfn._ExecutionError("States.ExceedToleratedFailureThreshold", message) from error
