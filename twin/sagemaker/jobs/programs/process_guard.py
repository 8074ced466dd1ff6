"""A command that ends with whoever holds the guard's standard input: `process_guard.py WORD...`.

A twin that is killed cannot clean up, but its end of this pipe closes all the same; then the job's
process group ends. Nothing outside the standard library, as it runs in the jobs' interpreter.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command to its end and get its exit code, 128 + n after signal n."""
    # A handler, not SIG_IGN: the polite signal is for the job, which would inherit that it is ignored.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        job = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_watch, daemon=True).start()
    code = job.wait()
    return code if code >= 0 else 128 - code


def _watch() -> None:
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the watching thread sits in a read that nothing else would end
