"""The `clinrisk` command."""

import sys
from collections.abc import Sequence

import typer

from cli.commands import evidence, files, flow, inbox, redrive, release
from cli.errors import CliError, explain
from cli.options import AsJson, OnTwin, StackName
from cli.screen import complaints

INTERRUPTED = 130

app = typer.Typer(
    name="clinrisk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def clinrisk(*, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False) -> None:
    """Clinical risk models: drop files, read receipts, see what runs and what is live.

    A first walk through, on synthetic patients:

        clinrisk cohort heart --rows 600 --out heart.csv

        clinrisk drop heart.csv --as heart/training --wait

        clinrisk status --follow

        clinrisk approvals

        clinrisk live

    Region and identity are boto3's own (AWS_PROFILE, AWS_REGION); --twin talks to the laptop twin instead.
    Exit codes: 1 what was asked cannot be done, 2 mistyped, 3 AWS did not answer.
    """


DATA, FLOW, RELEASE = "Files", "What runs", "Models"
app.command("use-cases", rich_help_panel=DATA)(files.use_cases)
app.command("convert", rich_help_panel=DATA)(files.convert)
app.command("cohort", rich_help_panel=DATA)(files.cohort)
app.command("check", rich_help_panel=DATA)(files.check)
app.command("drop", rich_help_panel=DATA)(inbox.drop)
app.command("receipts", rich_help_panel=DATA)(inbox.receipts)
app.command("redrive", rich_help_panel=FLOW)(redrive.redrive)
app.command("status", rich_help_panel=FLOW)(flow.status)
app.command("monitor", rich_help_panel=FLOW)(flow.monitor)
app.command("findings", rich_help_panel=FLOW)(evidence.findings)
app.command("approvals", rich_help_panel=RELEASE)(release.approvals)
app.command("live", rich_help_panel=RELEASE)(release.live)
app.command("fetch", rich_help_panel=RELEASE)(evidence.fetch)


def main(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code, and says plainly what can be said plainly."""
    try:
        app(args=list(arguments), prog_name="clinrisk")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except Exception as error:
        told = _in_words(error)
        if told is None:
            raise
        screen = complaints()
        screen.print(str(told), style="red", markup=False)
        screen.print(told.remedy, markup=False)
        return told.exit_code
    return 0


def _in_words(error: Exception) -> CliError | None:
    """Return what an error means to the reader; None for a fault of our own, which keeps its trace."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, CliError):
        return error
    if isinstance(error, BotoCoreError | ClientError):
        return explain(error)
    if isinstance(error, Boto3Error):
        return CliError("The upload did not finish.", "Drop the file again; half an upload is never used.")
    if isinstance(error, OSError):
        return CliError(f"{error.strerror}: {error.filename}.", "Check the path and its permissions.")
    return None


def run() -> None:
    """Start the command from the shell."""
    raise SystemExit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
