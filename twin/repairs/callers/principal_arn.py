"""The caller as a condition key: a role's session goes by the role's own ARN and account."""

from typing import Any

from twin.repairs.repair_registry import Original, repair

_SESSION = ":assumed-role/"


@repair(
    "ministack.core.iam_evaluator._resolve_condition_key",
    reason=(
        "aws:PrincipalArn is the session's ARN, so a policy that lets one role through refuses that role;"
        " kms:CallerAccount is never there."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn",
    source_sha256="15e26964cd38f32c421942a5542a689cb51b63a4e8f746932323a9aeb1caba0c",
)
def principal_is_the_role(original: Original, key: str, ctx: Any) -> Any:
    """Return the value of a condition key; of a session aws:PrincipalArn is its role.

    kms:CallerAccount, which the engine does not know, is the caller's account.
    """
    if key.lower() == "kms:calleraccount":
        return ctx.principal_account
    value = original(key, ctx)
    return role_of(value) if key.lower() == "aws:principalarn" and value else value


def role_of(arn: str) -> str:
    """Return the role of a session; any other caller's ARN as it is.

    >>> role_of("arn:aws:sts::000000000000:assumed-role/clinrisk-PublishRole/clinrisk-Publish")
    'arn:aws:iam::000000000000:role/clinrisk-PublishRole'
    >>> role_of("arn:aws:iam::000000000000:user/ann")
    'arn:aws:iam::000000000000:user/ann'
    """
    head, session, rest = arn.partition(_SESSION)
    if not session:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}"
