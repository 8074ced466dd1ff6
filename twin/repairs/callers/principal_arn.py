"""Who calls, as a condition key: a role's session goes by the role's own ARN."""

from typing import Any

from ministack.core import iam_evaluator

from twin.repairs.registry import Site

_SESSION = ":assumed-role/"


def apply(site: Site) -> None:
    """Give aws:PrincipalArn the value it has on AWS.

    The engine gives the session's ARN, so a bucket policy that lets one role through ("Deny ... ArnNotEquals
    <role>") refuses that role as well.
    """
    del site
    resolve = iam_evaluator._resolve_condition_key

    def resolve_role(key: str, ctx: Any) -> Any:
        value = resolve(key, ctx)
        return role_of(value) if key.lower() == "aws:principalarn" and value else value

    iam_evaluator._resolve_condition_key = resolve_role


def role_of(arn: str) -> str:
    """Name the role of a session; any other caller is named as it is.

    >>> role_of("arn:aws:sts::000000000000:assumed-role/clinrisk-PublishRole/clinrisk-Publish")
    'arn:aws:iam::000000000000:role/clinrisk-PublishRole'
    >>> role_of("arn:aws:iam::000000000000:user/ann")
    'arn:aws:iam::000000000000:user/ann'
    """
    head, session, rest = arn.partition(_SESSION)
    if not session:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}"
