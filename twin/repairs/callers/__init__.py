"""Repairs of how the engine sees its callers: who must sign, over which wire, under which ARN."""
