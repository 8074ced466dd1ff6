"""The `clinrisk` command: its verbs, its exit codes, and how an error is shown to a person."""

import sys
from collections.abc import Sequence

import typer

from cli import downloads, ingest, monitoring, operations, scoring, status
from cli.alarms import alarm_commands
from cli.approvers import approver_commands
from cli.audit import audit_commands, replay_commands
from cli.command_errors import CliError, explain
from cli.console import console_command
from cli.doctor import doctor_command
from cli.erasures import erase_commands
from cli.local_files import file_commands, new_use_case
from cli.options import AsJson, OnTwin, StackName
from cli.release import approval_commands, candidate_commands, change_commands, live_commands, page_commands
from cli.screen import complaints
from cli.stack import outdated_stack

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
    """Clinical risk models: drop files, read receipts, see what runs and which model is live.

    A first example, with synthetic patients:

        clinrisk cohort heart --rows 600 --out heart.csv

        clinrisk drop heart.csv --as heart/training --wait

        clinrisk status --follow

        clinrisk approvals

        clinrisk live

    Identity and region are those of AWS_PROFILE and AWS_REGION; with --twin the laptop twin is used instead.
    Exit codes: 1 it cannot be done, 2 the command was mistyped, 3 AWS did not answer or refused.
    """


FILES, RUNS, MODELS = "Files", "What runs", "Models"
app.command("use-cases", rich_help_panel=FILES)(file_commands.use_cases)
app.command("convert", rich_help_panel=FILES)(file_commands.convert)
app.command("cohort", rich_help_panel=FILES)(file_commands.cohort)
app.command("check", rich_help_panel=FILES)(file_commands.check)
app.command("mend", rich_help_panel=FILES)(file_commands.mend)
app.command("quarantine", rich_help_panel=FILES)(file_commands.quarantine)
app.command("new-use-case", rich_help_panel=FILES)(new_use_case.new_use_case)
app.command("drop", rich_help_panel=FILES)(ingest.drop)
app.command("receipts", rich_help_panel=FILES)(ingest.receipts)
app.command("redrive", rich_help_panel=RUNS)(operations.redrive)
app.command("stuck", rich_help_panel=RUNS)(operations.stuck)
app.command("batches", rich_help_panel=FILES)(scoring.batches)
app.command("results", rich_help_panel=FILES)(downloads.results)
app.command("let-through", rich_help_panel=FILES)(scoring.let_through)
app.command("withdraw", rich_help_panel=FILES)(scoring.withdraw)
app.command("erase", rich_help_panel=FILES)(erase_commands.erase)
app.command("hold", rich_help_panel=FILES)(erase_commands.hold)
app.command("score", rich_help_panel=RUNS)(scoring.score)
app.command("console", rich_help_panel=RUNS)(console_command.console)
app.command("status", rich_help_panel=RUNS)(status.status)
app.command("queue", rich_help_panel=RUNS)(status.queue)
app.command("alarms", rich_help_panel=RUNS)(alarm_commands.alarms)
app.command("doctor", rich_help_panel=RUNS)(doctor_command.doctor)
app.command("monitor", rich_help_panel=RUNS)(monitoring.monitor)
app.command("outcomes", rich_help_panel=RUNS)(scoring.outcomes)
app.command("feedback", rich_help_panel=RUNS)(scoring.feedback)
app.command("findings", rich_help_panel=RUNS)(monitoring.findings)
app.command("acknowledge", rich_help_panel=RUNS)(monitoring.acknowledge)
app.command("assign", rich_help_panel=RUNS)(monitoring.assign)
app.command("resolve", rich_help_panel=RUNS)(monitoring.resolve)
app.command("train", rich_help_panel=MODELS)(candidate_commands.train)
app.command("evaluate", rich_help_panel=MODELS)(candidate_commands.evaluate)
app.command("reference", rich_help_panel=MODELS)(candidate_commands.reference)
app.command("approvals", rich_help_panel=MODELS)(approval_commands.approvals)
app.command("live", rich_help_panel=MODELS)(live_commands.live)
app.command("open", rich_help_panel=MODELS)(page_commands.open_page)
app.command("history", rich_help_panel=MODELS)(live_commands.history)
app.command("rollback", rich_help_panel=MODELS)(change_commands.rollback)
app.command("pause", rich_help_panel=MODELS)(change_commands.pause)
app.command("resume", rich_help_panel=MODELS)(change_commands.resume)
app.command("fetch", rich_help_panel=MODELS)(downloads.fetch)
app.add_typer(approver_commands.group, name="approvers", rich_help_panel=MODELS)
app.command("evidence", rich_help_panel=MODELS)(audit_commands.evidence)
app.command("replay", rich_help_panel=MODELS)(replay_commands.replay)
app.add_typer(audit_commands.group, name="audit", rich_help_panel=MODELS)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; print an error that a person can act on as sentences."""
    try:
        app(args=list(arguments), prog_name="clinrisk")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except Exception as error:
        known = _known_error(error)
        if known is None:
            raise
        screen = complaints()
        screen.print(str(known), style="red")
        screen.print(known.remedy)
        return known.exit_code
    return 0


def _known_error(error: Exception) -> CliError | None:
    """Return what an error means to the reader; None for a fault of our own, which keeps its trace."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    from clinrisk.errors import SettingMissing

    if isinstance(error, CliError):
        return error
    if isinstance(error, SettingMissing):
        return outdated_stack(f"The stack lacks an output. {error}")
    if isinstance(error, BotoCoreError | ClientError):
        return explain(error)
    if isinstance(error, Boto3Error):
        return CliError(
            "The upload did not finish.", "Drop the file again; an unfinished upload is never used."
        )
    if isinstance(error, OSError):
        return CliError(f"{error.strerror}: {error.filename}.", "Check the path and its permissions.")
    return None


def run() -> None:
    """Start the command from the shell."""
    raise SystemExit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
