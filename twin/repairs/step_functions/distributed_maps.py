"""A Distributed Map as a JSONata definition writes it."""

import os
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.registry import Site


def apply(site: Site) -> None:
    """Run a Distributed Map whose fields are JSONata.

    The engine resolves its ItemReader and its ItemSelector as JSONPath only, and leaves Assign and Output
    out. Here its items are read, and then run as those of an inline Map: their states show up in the
    execution's own history. A laptop has fewer processors than AWS: no more items run at a time than it has.
    """
    del site
    by_path = sfn._run_distributed_map

    def run(
        state: dict[str, Any], given: Any, effective: Any, iterator: Any, execution: Any, ctx: Any
    ) -> Any:
        if sfn._state_query_language(state, ctx) != "JSONata":
            return by_path(state, given, effective, iterator, execution, ctx)
        inline = {name: value for name, value in state.items() if name != "ItemReader"}
        if reader := state.get("ItemReader"):
            place = sfn._apply_jsonata_template(reader["Arguments"], given, ctx)
            inline["Items"] = sfn._read_map_items({**reader, "Arguments": place}, effective, ctx)
        inline["ItemProcessor"] = {**iterator, "ProcessorConfig": {"Mode": "INLINE"}}
        inline["MaxConcurrency"] = min(state.get("MaxConcurrency") or 8, os.cpu_count() or 1)
        try:
            return sfn._run_map_items(inline, given, execution, ctx)
        except sfn._ExecutionError as error:
            # A Map Run fails as a whole, and names no child's error.
            message = "The specified tolerated failure threshold was exceeded"
            raise sfn._ExecutionError("States.ExceedToleratedFailureThreshold", message) from error

    sfn._run_distributed_map = run
