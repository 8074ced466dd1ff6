"""Python workers of Lambda: isolated, with exceptions under their own names and layers unpacked once.

The program inside a worker is `worker_bootstrap`.
"""

import functools
import json
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sts

from twin.deployment.unpacked_layers import unpacked
from twin.repairs.lambda_functions import worker_bootstrap
from twin.repairs.repair_registry import Original, Site, repair

RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_unpacking = threading.Lock()


class HandlerFailed(Exception):  # noqa: N818 # it reports a failure of the function, not one of the twin
    """A function's module could not be loaded; `payload` says why in AWS's form."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload["errorMessage"])
        self.payload = payload


@functools.cache
def _linked_runtime(folder: Path) -> Path:
    """Return a folder of links to what Lambda's Python runtime brings along, and nothing else of the twin."""
    with _unpacking:
        folder.mkdir(exist_ok=True)
        for name in RUNTIME_PACKAGES:
            spec = find_spec(name)
            if spec is None or spec.origin is None:
                raise RuntimeError(f"The twin's environment lacks {name}, a part of the Lambda runtime.")
            origin = Path(spec.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            if not (folder / source.name).is_symlink():
                (folder / source.name).symlink_to(source)
    return folder


@repair(
    "ministack.core.lambda_runtime.Worker",
    reason="A worker inherits the engine's environment and packages, unpacks every layer anew, and loses"
    " the class of an exception and ends with it.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html",
    source_sha256="a0bd1819a7040c1ee8674f18ef1a48c68ed88f66219cbb09547506ef12146215",
)
class IsolatedWorker(lambda_runtime.Worker):  # type: ignore[misc,unused-ignore] # the engine has no types
    """One execution environment of a Python function.

    With the engine's environment the project itself would be importable, so a missing layer would never be
    noticed; unpacking a layer for every function costs seconds and gigabytes; the engine's worker also waits
    50 ms for logs that are already there.
    """

    site: Site
    layers: ClassVar[dict[str, Path]] = {}

    def _spawn(self) -> None:
        self._discard_tmpdir()
        self._tmpdir = tempfile.mkdtemp(prefix="lambda-")
        code_dir = Path(self._tmpdir) / "code"
        with zipfile.ZipFile(BytesIO(self.code_zip)) as packed:
            packed.extractall(code_dir)
        module, _, handler = self.config["Handler"].rpartition(".")
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", worker_bootstrap.__file__],
            cwd=code_dir,
            env=self._environment(code_dir),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._stderr_queue = queue.Queue[str]()
        self._proc = process
        threading.Thread(target=self._read_stderr, daemon=True).start()
        init = {
            "code_dir": str(code_dir),
            "layers": [
                str(self._layer(attachment) / "python") for attachment in self.config.get("Layers", [])
            ],
            "runtime": str(_linked_runtime(self.site.state_dir / "runtime")),
            "module": module.replace("/", "."),
            "handler": handler,
            "memory": self.config.get("MemorySize", 128),
        }
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The worker was started without pipes.")
        process.stdin.write(json.dumps(init) + "\n")
        process.stdin.flush()
        reply = json.loads(process.stdout.readline() or '{"status": "error"}')
        if reply["status"] != "ready":
            lost = {
                "errorMessage": "The worker ended while it was starting",
                "errorType": "Runtime.ExitError",
            }
            raise HandlerFailed(reply.get("failure", lost))
        self._start_time = time.time()

    def _environment(self, code_dir: Path) -> dict[str, str]:
        """Return what the process may know: the function's settings, its role's keys, this twin's address."""
        _, region = lambda_runtime._account_region_from_function_config(self.config)
        own = self.config.get("Environment", {}).get("Variables", {})
        reserved = lambda_runtime._RESERVED_RUNTIME_ENV_VARS
        name = self.config["FunctionName"]
        return {
            "AWS_ENDPOINT_URL": self.site.endpoint_url,
            **{key: value for key, value in own.items() if key not in reserved},
            **_role_credentials(self.config),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": self.config.get("Version", "$LATEST"),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self.config.get("LoggingConfig", {}).get(
                "LogGroup", f"/aws/lambda/{name}"
            ),
            "AWS_LAMBDA_LOG_STREAM_NAME": lambda_svc.new_uuid(),
            "HOME": str(self._tmpdir),
            "LAMBDA_TASK_ROOT": str(code_dir),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(self._tmpdir),
            "TZ": "UTC",
        }

    def _layer(self, attachment: dict[str, Any]) -> Path:
        """Return the folder of a layer version, unpacked once per content and shared by every worker."""
        arn = attachment["Arn"]
        with _unpacking:
            if arn not in self.layers:
                content = lambda_svc._resolve_layer_zip(attachment)
                if content is None:
                    missing = {
                        "errorMessage": f"The layer {arn} does not exist",
                        "errorType": "Runtime.LayerMissing",
                    }
                    raise HandlerFailed(missing)
                self.layers[arn] = unpacked(content)
            return self.layers[arn]

    def _drain_stderr_bounded(self, *_: float) -> str:
        """Return the invocation's log: everything up to the mark that the bootstrap writes after it."""
        lines: list[str] = []
        while True:
            try:
                line = self._stderr_queue.get(timeout=0.25 if self._proc is None else 2.0)
            except queue.Empty:
                return "\n".join(lines)
            if line == worker_bootstrap.END_OF_LOG:
                return "\n".join(lines)
            lines.append(line)


def _role_credentials(config: dict[str, Any]) -> dict[str, str]:
    """Return the worker keys of its role that nobody can guess.

    The engine derives them from the function's and the role's names: whoever knows the template could sign
    requests to the twin, a web page in the user's browser included.
    """
    account, role = config["Role"].split(":")[4], config["Role"].rpartition("/")[2]
    name = config["FunctionName"][:64]
    key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(32)
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "UserId": f"{role}:{name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    }
    sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


@repair(
    "ministack.services.lambda_svc._probe_peak_memory_mb",
    reason="Max Memory Used in the REPORT line is that of the largest child the engine ever had.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html",
    source_sha256="545001066205e4d5b0683fa281e958969f0a6c2a7d1a9c80762ac3365178ffdf",
)
def peak_of_invocation(_original: Original, func: dict[str, Any]) -> int:
    """Return the worker's own peak during its invocation, in MB."""
    return int(func.get("peak_mb", 0))
