"""The typed messages that states of the workflows pass to each other.

Every Lambda takes one `...Request` and returns one `...Result`. They are frozen, refuse unknown fields, and
keep their input out of error texts. A request may carry `execution` (the workflow's execution id, for the
logs). Data never travels in a message: only `Reference`s, an address with the sha256 of what lies there.
"""
