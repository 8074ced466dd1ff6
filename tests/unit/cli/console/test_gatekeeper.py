"""Who gets into the console, and what the browser is kept from."""

import json
import logging
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError
from waitress.server import TcpWSGIServer

from cli.console.pages import batch_pages, model_pages
from cli.console.site import MOST_KNOWN, ConsoleSite, SlowAnswer
from cli.console.web_app import create_app
from cli.executions import Execution
from cli.stack import Stack
from tests.unit.cli.console.conftest import HELD, SECRET, Visitor

PAGES = ("/", "/inbox", "/batches", "/models", "/models/heart")


def test_another_name_for_this_machine_is_refused(on_stack: Visitor) -> None:
    for host in ("attacker.example", "127.0.0.1.attacker.example", "10.0.0.7:4580", "localhost.:x"):
        answer = on_stack.client.get("/", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "What is live" not in answer.get_data(as_text=True)


def test_nobody_comes_in_without_the_key(on_stack: Visitor) -> None:
    stranger = create_app(on_stack.site).test_client()
    for path in ("/", "/inbox", "/static/console.js", "/console.css", "/nosuch"):
        for query in ("", "?key=", "?key=another", "?key=%C3%A4"):
            answer = stranger.get(path + query)
            assert answer.status_code == 403, path + query
            assert "the address that the terminal printed" in answer.get_data(as_text=True)


def test_the_key_becomes_a_cookie_that_no_script_reads_and_leaves_the_address(on_stack: Visitor) -> None:
    answer = create_app(on_stack.site).test_client().get(f"/batches?key={SECRET}")
    assert answer.headers["Location"] == "/batches"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_every_page_forbids_foreign_scripts_frames_and_caches(on_stack: Visitor) -> None:
    for page in PAGES:
        answer = on_stack.client.get(page)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.get_data(as_text=True)
        assert "<script>" not in text
        assert " style=" not in text


def test_a_form_from_another_site_changes_nothing(on_twin: Visitor, batches: Any) -> None:
    action = {"action": "withdraw", "reason": "Somebody else wants it."}
    attempts: list[tuple[dict[str, str], dict[str, str], str]] = [
        ({"token": ""}, {}, "earlier console"),
        ({"token": "0" * 64}, {}, "earlier console"),
        ({}, {"Origin": "http://attacker.example"}, "another site"),
        ({}, {"Origin": "http://localhost:8080"}, "another site"),
        ({}, {"Origin": "null"}, "another site"),
    ]
    for fields, headers, why in attempts:
        answer = on_twin.send(f"/uploads/{HELD}", action | fields, **headers)
        assert answer.status_code == 403
        assert why in answer.get_data(as_text=True)


def test_on_a_stack_nothing_can_be_done(on_stack: Visitor, batches: Any) -> None:
    for path in ("/inbox", f"/uploads/{HELD}"):
        answer = on_stack.send(path, {"action": "withdraw", "as": "heart/training"})
        assert answer.status_code == 403
        assert "only reads" in answer.get_data(as_text=True)
        assert "<form" not in on_stack.read(path)


def test_a_fault_shows_and_logs_no_value(
    on_stack: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "Jane-Doe-1951"

    def fail(*_: Any) -> None:
        raise RuntimeError(canary)

    monkeypatch.setattr(batch_pages, "newest", fail)
    monkeypatch.setattr(model_pages, "_check", fail)
    with caplog.at_level(logging.DEBUG):
        part, page = on_stack.client.get("/batches"), on_stack.client.get("/models/heart")
    assert (part.status_code, page.status_code) == (200, 500)
    for answer in (part, page):
        assert "fault of its own" in answer.get_data(as_text=True)
        assert canary not in answer.get_data(as_text=True)
    assert caplog.text.count("failed: RuntimeError") == 2
    assert canary not in caplog.text


def test_the_command_loads_the_framework_only_when_it_serves() -> None:
    program = (
        "import sys; from cli.app import main; main(['console', '--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('flask', 'waitress', 'boto3', 'jinja2')))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def test_a_port_in_use_is_named(deployment: Any, clinrisk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = clinrisk("console", "--port", port)
    assert answer.code == 1
    assert f"Port {port}" in answer.err
    assert "--port 0" in answer.err


def test_it_listens_on_loopback_alone_and_prints_its_address(
    deployment: Any, clinrisk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []

    def serve(server: Any) -> None:
        served.append(server.socket.getsockname())
        server.close()
        server.trigger.close()

    monkeypatch.setattr(TcpWSGIServer, "run", serve)
    printed = json.loads(clinrisk("console", "--port", "0", "--json").out)
    [(host, port)] = served
    assert host == "127.0.0.1"
    address, _, key = printed["address"].partition("/?key=")
    assert address == f"http://127.0.0.1:{port}"
    assert len(key) >= 32


def test_what_does_not_answer_is_asked_once_a_page(
    on_stack: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def fail(client: Any, operation: str, *_: Any) -> None:
        calls.append(operation)
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    on_stack.site.slow["stuck"] = SlowAnswer(list, 60.0, value=[])
    on_stack.site.slow["stuck"].answered.set()
    on_stack.site.slow["stuck"].newest()
    monkeypatch.setattr(BaseClient, "_make_api_call", fail)
    shown = on_stack.client.get("/").get_data(as_text=True)
    assert shown.count("AWS did not answer.") == 6  # every part, in words
    assert len(calls) == 1


def test_only_so_many_executions_are_kept() -> None:
    site = ConsoleSite(Stack("clinrisk", {}), SECRET)
    now = datetime.now(UTC)
    site.keep(
        Execution("ingest", str(number), "n", "SUCCEEDED", now, now) for number in range(MOST_KNOWN + 7)
    )
    assert len(site.known) == MOST_KNOWN
    assert next(iter(site.known)) == "7"
