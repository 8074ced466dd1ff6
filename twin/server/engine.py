"""The twin's one process: the engine as a library, repaired, on loopback (`python -m twin.server.engine`).

It is started by `twin.server.launcher`, which hands it a scrubbed environment and, in the foreground, a pipe
on standard input. When the pipe closes, whoever wanted this twin is gone, and so the twin goes as well:
Ctrl-C, a killed test or a closed terminal leave nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from twin import repairs
from twin.state import Endpoint, StateDirectory

if TYPE_CHECKING:
    from twin.server.snapshot import Snapshot


async def serve(
    port: int, state: StateDirectory, site: repairs.Site, snapshot: Snapshot | None, *, abandonable: bool
) -> None:
    """Serve until a signal ends it; the endpoint file appears once requests are answered.

    A snapshot is taken last, when no more requests are answered.
    """
    from hypercorn.asyncio import serve as serve_asgi  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415

    from twin.server.exposed_paths import close_back_doors  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if abandonable:
        threading.Thread(target=_stop_when_abandoned, args=(loop, stop), daemon=True).start()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.loglevel = "WARNING"
    server = asyncio.create_task(serve_asgi(close_back_doors(app.app), config, shutdown_trigger=stop.wait))
    while not server.done() and not await _answers(port):
        await asyncio.sleep(0.02)
    if snapshot and not server.done():
        await asyncio.to_thread(snapshot.go_on)
    if not server.done():
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        state.write(Endpoint(site.endpoint_url, os.environ["AWS_REGION"], *keys, None, os.getpid()))
    await asyncio.wait([server, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    if snapshot:
        snapshot.save()
    else:
        await server


def main() -> None:
    """Run the engine on the port and in the directory that `twin.server.launcher` names."""
    port, root, abandonable = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["--until-abandoned"]
    state = StateDirectory(root)
    lock = state.hold()
    site = repairs.Site(f"http://127.0.0.1:{port}", root)
    try:
        repairs.load().apply(site)
    except repairs.EngineChangedError as error:
        raise SystemExit(str(error)) from None
    from ministack.core import lambda_runtime  # noqa: PLC0415

    from twin.repairs.cloudwatch import alarm_evaluation  # noqa: PLC0415
    from twin.sagemaker.engine import installation  # noqa: PLC0415

    sagemaker, _ = installation.put_into_engine(site, Path(os.environ["TWIN_JOBS_PYTHON"]))
    snapshot = None
    if kept := state.kept:
        from twin.server.snapshot import Snapshot  # noqa: PLC0415

        snapshot = Snapshot(state, kept, sagemaker)
        snapshot.load()
    alarm_evaluation.start_evaluation()
    try:
        # No clean-up of the loop: after a snapshot nothing is answered any more, not even with an error.
        asyncio.new_event_loop().run_until_complete(
            serve(port, state, site, snapshot, abandonable=abandonable)
        )
    except Exception:
        logging.getLogger("twin.server").exception("The twin broke off.")
    finally:
        state.endpoint_file.unlink(missing_ok=True)
        sagemaker.shutdown()
        lambda_runtime.reset()
        # Everything this process started (workers, jobs) is in its process group; it leads it and goes last.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGTERM)
        lock.close()
        os._exit(0)


def _stop_when_abandoned(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(stop.set)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


if __name__ == "__main__":
    main()
