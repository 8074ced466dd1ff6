import csv
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pyotp import TOTP

from twin.authenticator import Authenticator
from twin.demo import approver, cohort_files
from twin.demo.approver import approve, link_in, read_form
from twin.demo.clinrisk_process import DemoError
from twin.demo.cohort_files import DemoUseCase
from twin.demo.progress_board import ProgressBoard

STROKE = DemoUseCase("stroke", "Stroke risk", ("id", "age", "stroke"), "id", "stroke", {"0": 0, "1": 1}, None)
HEART = DemoUseCase("heart", "Heart", ("age", "num"), None, "num", {"0": 0, "1": 1, "2": 1}, None)
PAGE = """<h1>Release Heart disease risk, version 3?</h1><form method="post">
<input type="hidden" name="nonce" value="n0nce"><input type="radio" name="decision" value="approve">
<input type="radio" name="decision" value="reject"><input type="text" name="version" value="">
<textarea name="reason"></textarea></form>"""


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def cut(folder: Path, contract: DemoUseCase, lines: list[str], seed: int = 42) -> cohort_files.CohortParts:
    cohort = folder / "cohort.csv"
    cohort.write_text("\n".join([",".join(contract.header), *lines]) + "\n")
    return cohort_files.split(cohort, contract, folder, seed)


def test_every_patient_trains_or_comes_later_and_none_does_both(tmp_path: Path) -> None:
    parts = cut(tmp_path, STROKE, [f"{n},{n % 90},{int(n < 25)}" for n in range(500)])
    early = {row["id"] for row in rows(parts.training)}
    later = {row["id"] for row in rows(parts.later)}
    assert (parts.training_rows, parts.later_rows) == (400, 100)
    assert early | later == {str(n) for n in range(500)}
    assert not early & later


def test_both_parts_have_their_share_of_cases(tmp_path: Path) -> None:
    parts = cut(tmp_path, STROKE, [f"{n},{n % 90},{int(n < 25)}" for n in range(500)])
    assert sum(row["stroke"] == "1" for row in rows(parts.training)) == 20
    assert sum(parts.later_labels) == 5


def test_later_patients_arrive_without_their_outcome(tmp_path: Path) -> None:
    parts = cut(tmp_path, STROKE, [f"{n},{n % 90},{int(n < 25)}" for n in range(500)])
    assert list(rows(parts.later)[0]) == ["id", "age"]


def test_the_same_seed_cuts_the_same_way(tmp_path: Path) -> None:
    lines = [f"{n},{n % 90},{int(n < 25)}" for n in range(500)]
    first = cut(tmp_path, STROKE, lines).training.read_bytes()
    assert cut(tmp_path, STROKE, lines).training.read_bytes() == first
    assert cut(tmp_path, STROKE, lines, seed=1).training.read_bytes() != first


def test_outcomes_name_patients_by_the_hospitals_ids(tmp_path: Path) -> None:
    parts = cut(tmp_path, STROKE, [f"{n},{n % 90},{int(n < 25)}" for n in range(500)])
    record = rows(cohort_files.outcomes(parts, tmp_path / "unused.csv", tmp_path, "2026-03-01"))
    assert {row["id"]: row["label"] for row in record} == {
        row["id"]: str(int(int(row["id"]) < 25)) for row in rows(parts.later)
    }
    assert {row["date"] for row in record} == {"2026-03-01"}


def test_without_hospital_ids_outcomes_find_their_record_by_row(tmp_path: Path) -> None:
    parts = cut(tmp_path, HEART, [f"{30 + n},{n % 3}" for n in range(30)])
    results = tmp_path / "results.csv"
    # The first patient is in row 2, below the header.
    numbered = [f"{row + 1},record-{row},0.5" for row in range(parts.later_rows, 0, -1)]
    results.write_text("\n".join(["row,id,risk", *numbered]) + "\n")
    record = rows(cohort_files.outcomes(parts, results, tmp_path, "2026-03-01"))
    labels = {row["id"]: int(row["label"]) for row in record}
    assert labels == {f"record-{n}": label for n, label in enumerate(parts.later_labels, start=1)}


def test_a_label_written_as_a_fraction_is_the_same_code() -> None:
    assert [HEART.label_of(text) for text in ("0", "2.0", " 1")] == [0, 1, 1]


def test_only_one_column_of_the_wrong_header_is_wrong(tmp_path: Path) -> None:
    parts = cut(tmp_path, HEART, [f"{30 + n},{n % 3}" for n in range(30)])
    assert list(rows(cohort_files.with_wrong_header(parts.training, tmp_path, "age"))[0]) == ["age_", "num"]


def test_the_link_is_the_one_about_the_training_run() -> None:
    mails = [
        {"body": "run heart-1, decide:\nhttp://x.localhost:4566/approvals/one?expires=1&mac=m\nThe link"},
        {"body": "run heart-2 is live."},
        {"body": "run heart-2, decide here: http://x.localhost:4566/approvals/two?expires=2&mac=m"},
    ]
    assert link_in(mails, "heart-2") == "http://x.localhost:4566/approvals/two?expires=2&mac=m"
    assert link_in(mails, "heart-3") is None


def test_the_form_is_read_with_what_it_holds() -> None:
    form = read_form(PAGE)
    assert form.title.endswith("version 3?")
    assert form.fields == {"nonce": "n0nce", "decision": "", "version": "", "reason": ""}


@pytest.fixture
def page() -> Any:
    """An approval page that keeps what is posted to it."""
    posted: list[dict[str, list[str]]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(PAGE)

        def do_POST(self) -> None:
            posted.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self._send("<h1>Approved</h1>")

        def _send(self, text: str) -> None:
            self.send_response(200 if "wrong" not in self.path else 403)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # the base class names it so
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://api.execute-api.localhost:{server.server_port}/approvals", posted
        server.shutdown()


def test_the_approver_types_the_version_of_the_page_with_a_reason(page: Any) -> None:
    address, posted = page
    approve(f"{address}/one?expires=1&mac=m", "123456")
    assert posted[0]["version"] == ["3"]
    assert posted[0]["nonce"] == ["n0nce"]
    assert posted[0]["decision"] == ["approve"]
    assert posted[0]["code"] == ["123456"]
    assert len(posted[0]["reason"][0]) > 10


def test_a_page_that_refuses_is_not_taken_for_a_decision(page: Any) -> None:
    address, posted = page
    with pytest.raises(DemoError, match="403"):
        approve(f"{address}/wrong?expires=1&mac=m", "123456")
    assert not posted


KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(("shown", "answered"), [(KEY, "You are enrolled"), (KEY, "No."), ("", "")])
def test_an_approver_is_enrolled_when_the_page_has_confirmed_a_code_of_its_key(
    monkeypatch: pytest.MonkeyPatch, shown: str, answered: str
) -> None:
    sent: list[dict[str, list[str]]] = []

    def exchange(method: str, _link: str, body: str | None = None) -> str:
        sent.append(parse_qs(body or ""))
        key = f'<a href="otpauth://totp/x?secret={shown}&amp;issuer=y">' if shown else ""
        pages = {"GET": '<input type="hidden" name="nonce" value="n">', "POST": key}
        return answered if "code" in sent[-1] else pages[method]

    monkeypatch.setattr(approver, "_exchange", exchange)
    if answered == "You are enrolled":
        assert approver.enrol("http://x/approvers/a") == KEY
        codes = [TOTP(KEY).generate_otp(int(time.time()) // 30 + offset) for offset in (-1, -2)]
        assert sent[2]["code"][0] in codes
    else:
        with pytest.raises(DemoError, match="nobody is enrolled" if not shown else "not confirmed"):
            approver.enrol("http://x/approvers/a")
    assert all(one["nonce"] == ["n"] for one in sent[1:])


def test_the_newest_invitation_in_a_mailbox_counts() -> None:
    mails = [{"body": f"Enrol here:\nhttp://x/approvers/a?mac={n}\n"} for n in (1, 2)]
    assert approver.invitation_in(mails) == "http://x/approvers/a?mac=2"
    assert approver.invitation_in([{"body": "http://x/approvals/a?mac=1"}]) is None


def test_the_app_shows_the_code_of_this_half_minute_for_each_address(tmp_path: Path) -> None:
    app, now = Authenticator(tmp_path / "app"), datetime(2026, 3, 1, 9, 30, 10, tzinfo=UTC)
    assert app.addresses() == []
    app.keep("bo@example.org", KEY[::-1])
    app.keep("ann@example.org", KEY)
    assert app.addresses() == ["ann@example.org", "bo@example.org"]
    assert app.code("ann@example.org", now) == TOTP(KEY).at(now)
    assert app.seconds_left(now) == 20
    with pytest.raises(FileNotFoundError):
        app.code("cy@example.org", now)


def execution(arn: str, status: str, **more: object) -> dict[str, Any]:
    facts = {"machine": "scoring", "use_case": "heart", "key": "k", "started": arn, "reason": ""}
    return {"arn": arn, "status": status, "running_states": [], "seconds_by_state": {}, **facts, **more}


@pytest.fixture
def board() -> ProgressBoard:
    return ProgressBoard(threading.Event(), lambda _: None)


def test_a_board_waits_for_the_end_of_the_newest_execution(board: ProgressBoard) -> None:
    board.see(execution("1", "FAILED"))
    board.see(execution("2", "SUCCEEDED"))
    assert board.wait_end("heart", "scoring", "k", 1)["arn"] == "2"


@pytest.mark.parametrize(("status", "part"), [("FAILED", "NoLiveModel"), ("RUNNING", "did not happen")])
def test_a_bad_end_and_no_end_are_distinguished(board: ProgressBoard, status: str, part: str) -> None:
    board.see(execution("1", status, reason="NoLiveModel: nothing is live."))
    with pytest.raises(DemoError, match=part):
        board.wait_end("heart", "scoring", "k", 0.05)


def test_a_demo_settles_once_every_execution_is_seen_to_have_ended(board: ProgressBoard) -> None:
    board.see(execution("1", "RUNNING"))
    follower = threading.Timer(0.1, board.see, [execution("1", "SUCCEEDED")])
    follower.start()
    board.settle(60)
    assert board.executions["1"]["status"] == "SUCCEEDED"
    board.see(execution("2", "RUNNING"))
    board.settle(0.01)
    assert board.executions["2"]["status"] == "RUNNING"


def test_a_stopped_demo_waits_for_nothing(board: ProgressBoard) -> None:
    board.stopped.set()
    with pytest.raises(DemoError, match="stopped"):
        board.wait("anything", 60, lambda: None)
