"""Batch transform jobs: CSV objects in, filtered, scored by the image's rules, joined, in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import JobFailure, invalid, unsupported
from twin.sagemaker.jobs.column_filters import compile_filter, format_record, parse_record
from twin.sagemaker.jobs.job_board import JobBoard, JobStopped, RunningJob
from twin.sagemaker.jobs.job_container import read_message
from twin.sagemaker.jobs.model_archive import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.jobs.machines import Machines
    from twin.sagemaker.platform import Body, Platform

_SERVER = Path(__file__).with_name("programs") / "transform_server.py"
_MEGABYTE = 1024 * 1024
_DEFAULT_PAYLOAD_MB = 6


class TransformJobs(JobBoard):
    """Batch transforms of headerless CSV with models made by CreateModel."""

    noun = "TransformJob"
    kind = "transform-job"
    log_group = "/aws/sagemaker/TransformJobs"
    log_stream = "{name}/i-{epoch:017x}-0000000000000000"
    start_member = "TransformStartTime"
    end_member = "TransformEndTime"
    resources = ("TransformResources",)

    def __init__(
        self, platform: Platform, catalogue: Catalogue, machines: Machines, model_data: Callable[[str], str]
    ) -> None:
        super().__init__(platform, catalogue, machines)
        self._model_data = model_data

    def check(self, body: Body) -> None:
        """Refuse an unknown model, formats other than CSV and impossible filters, before the job exists."""
        self._model_data(body["ModelName"])
        source, sink = body["TransformInput"], body["TransformOutput"]
        if source.get("ContentType", "").split(";")[0] != "text/csv":
            raise unsupported("batch transform of a ContentType other than text/csv")
        if sink.get("Accept", "text/csv").split(";")[0] != "text/csv":
            raise unsupported("batch transform to an Accept other than text/csv")
        if source["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
            raise unsupported("batch transform input other than an S3Prefix")
        if source.get("CompressionType", "None") != "None" or source.get("SplitType", "None") not in _SPLITS:
            raise unsupported("batch transform of compressed input or a SplitType other than None and Line")
        processing = body.get("DataProcessing", {})
        joined = processing.get("JoinSource", "None") == "Input"
        split, assembled = source.get("SplitType", "None"), sink.get("AssembleWith", "None")
        if joined and (split != "Line" or assembled != "Line"):
            raise invalid("JoinSource Input needs SplitType and AssembleWith to be the same (Line for CSV).")
        for name in ("InputFilter", "OutputFilter"):
            compile_filter(processing.get(name, "$"))

    def work(self, job: RunningJob) -> None:
        """Run one batch transform: download, filter, serve, join, upload."""
        record, root = job.record, job.root
        for part in ("model", "input", "requests", "responses", "output"):
            (root / part).mkdir()
        self.storage.download(self._model_data(record["ModelName"]), root)
        unpack(root / "model.tar.gz", root / "model")
        uri = record["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        names = self.storage.download(uri, root / "input")
        batches = [self._requests(record, root, index, name) for index, name in enumerate(names)]
        self._serve(job)
        sink = record["TransformOutput"]
        for name, requests in zip(names, batches, strict=True):
            result = root / "result.out"
            _assemble(record, root / "input" / name, [root / "responses" / one for one in requests], result)
            target = f"{sink['S3OutputPath'].rstrip('/')}/{name}.out"
            self.storage.upload(result, target, sink.get("KmsKeyId"))

    @staticmethod
    def _requests(record: Body, root: Path, index: int, name: str) -> list[str]:
        """Write the payloads for one input object and get their names; none is larger than MaxPayloadInMB."""
        select = compile_filter(record.get("DataProcessing", {}).get("InputFilter", "$"))
        limit = (record.get("MaxPayloadInMB") or _DEFAULT_PAYLOAD_MB) * _MEGABYTE
        split = record["TransformInput"].get("SplitType", "None") == "Line"
        names: list[str] = []

        def write(lines: list[str]) -> None:
            names.append(f"{index:06d}-{len(names):06d}.csv")
            (root / "requests" / names[-1]).write_text("\n".join(lines))

        batch: list[str] = []
        size = 0
        for line in _lines(root / "input" / name):
            kept = format_record(select(parse_record(line)))
            if size + len(kept) + 1 > limit and split and batch:
                write(batch)
                batch, size = [], 0
            batch.append(kept)
            size += len(kept) + 1
        if size > limit:
            raise JobFailure("ClientError: a payload is larger than MaxPayloadInMB")
        if batch:
            write(batch)
        return names

    def _serve(self, job: RunningJob) -> None:
        one = job.record.get("BatchStrategy", "MultiRecord") == "SingleRecord"
        folders = [str(job.root / part) for part in ("model", "requests", "responses")]
        # -I: neither this package's folder nor anything of the user's is importable by the server.
        command = ["python3", "-I", str(_SERVER), *folders, "one" if one else "many"]
        end = job.container.run(command, job.record.get("Environment", {}), None)
        if end.stopped:
            raise JobStopped
        if end.code:
            reason = read_message(job.root / "output/message") or "See job logs for more information"
            raise JobFailure(f"AlgorithmError: {reason}")


_SPLITS = frozenset({"None", "Line"})


def _lines(path: Path) -> Iterator[str]:
    """Return the records of a CSV object one by one, without line ends and without the blank ones."""
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            text = line.rstrip("\r\n")
            if text:
                yield text


def _assemble(record: Body, source: Path, responses: list[Path], target: Path) -> None:
    """Write the output object: the predictions, each after its own input record when the job joins them."""
    processing = record.get("DataProcessing", {})
    joined = processing.get("JoinSource", "None") == "Input"
    select = compile_filter(processing.get("OutputFilter", "$"))
    answers = (line for response in responses for line in _lines(response))
    with target.open("w", encoding="utf-8", newline="") as out:
        try:
            for answer in answers if not joined else ():
                out.write(format_record(select(parse_record(answer))) + "\n")
            for line, answer in zip(_lines(source), answers, strict=True) if joined else ():
                out.write(format_record(select([*parse_record(line), *parse_record(answer)])) + "\n")
        except ValueError as error:
            msg = "ClientError: the model did not answer once per record, so nothing can be joined"
            raise JobFailure(msg) from error
