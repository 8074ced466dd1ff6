"""The environment of the engine's process: a short list, written here, and nothing of the user's shell.

The engine hands its own environment to every Lambda worker. A laptop's shell holds real AWS keys, tokens and
proxies; none of them may reach a handler, a job or a log, and no real endpoint may ever be called by mistake.
"""

import os
from pathlib import Path

from twin.state import ACCOUNT, REGION

KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT")
# Waits and retry pauses in state machines, as a share of what the definition says.
WAIT_SCALE = "0.05"
SERVICES = (
    "apigateway", "cloudformation", "dynamodb", "ec2", "events", "iam", "kms", "lambda", "logs", "monitoring",
    "s3", "scheduler", "sns", "sqs", "ssm", "states", "sts", "tagging",
)  # fmt: skip


def jobs_python(project: Path) -> Path:
    """Return the interpreter that runs the jobs: TWIN_JOBS_PYTHON, or the jobs environment of the project."""
    return Path(os.environ.get("TWIN_JOBS_PYTHON") or project / ".envs/jobs/bin/python")


def engine_environment(port: int, state_dir: Path, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the engine's complete environment: loopback, signatures checked, nothing of the user's."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": "unix:///nonexistent",  # the engine must never find a container daemon
        "GATEWAY_PORT": str(port),
        "HOME": str(state_dir / "home"),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",  # a quota of the twin decides
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": os.environ.get("TWIN_LOG_LEVEL", "WARNING"),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "PYTHONUNBUFFERED": "1",
        "SERVICES": ",".join(SERVICES),
        "SFN_WAIT_SCALE": os.environ.get("TWIN_WAIT_SCALE", WAIT_SCALE),
        "SFTP_ENABLED": "0",
        "TMPDIR": str(state_dir / "tmp"),
        "TZ": "UTC",
    }
