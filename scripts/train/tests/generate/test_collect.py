"""Completions from a real HTTP server: bounded, retried, paid once, whatever kills the process."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer

from medadapter_train.errors import DataError, TrainError
from medadapter_train.generate.collect import Collected, Job, Policy, collect
from medadapter_train.generate.cost import GenerateError, Prices, estimate
from medadapter_train.generate.writers import OpenAIWriter, Sampling, retry_after_seconds
from medadapter_train.system.journal import Journal

PRICES = Prices(prompt=1.0, completion=2.0)
FAST = Policy(first_pause_s=0.001)


def job(key: str, wanted: int = 3) -> Job:
    return Job(key, [{"role": "user", "content": f"question {key}"}], wanted)


def gather(
    llm: LlmServer, path: Path, jobs: list[Job], policy: Policy = FAST, parallel: int = 4
) -> Collected:
    async def go() -> Collected:
        writer = OpenAIWriter(llm.url, "m", Sampling(), parallel=parallel, timeout_s=5)
        try:
            return await collect(jobs, writer, journal, PRICES, policy)
        finally:
            await writer.close()

    with Journal(path, "settings") as journal:
        return asyncio.run(go())


def test_one_request_brings_all_candidates_of_a_question(tmp_path: Path) -> None:
    with LlmServer() as llm:
        result = gather(llm, tmp_path / "j", [job("a"), job("b")])
    assert [request["n"] for request in llm.requests] == [3, 3]
    assert {key: sorted(slots) for key, slots in result.slots.items()} == {
        "a": [0, 1, 2],
        "b": [0, 1, 2],
    }
    assert (result.bill.prompt_tokens, result.bill.completion_tokens) == (200, 60)
    assert result.bill.money == pytest.approx((200 * 1 + 60 * 2) / 1e6)


def test_an_endpoint_that_ignores_n_is_asked_one_by_one(tmp_path: Path) -> None:
    with LlmServer(honour_n=False) as llm:
        result = gather(llm, tmp_path / "j", [job("a"), job("b")], parallel=1)
    assert [request.get("n") for request in llm.requests] == [3, None, None, None, None, None]
    assert sum(len(slots) for slots in result.slots.values()) == 6
    assert len({w.text for slots in result.slots.values() for w in slots.values()}) == 6


def test_an_endpoint_that_refuses_n_is_asked_one_by_one(tmp_path: Path) -> None:
    def refuse(_number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        return (400, {}, b'{"error": "no n"}') if "n" in body else None

    with LlmServer(fault=refuse) as llm:
        result = gather(llm, tmp_path / "j", [job("a"), job("b")], parallel=1)
    assert len(llm.requests) == 7
    assert sum(len(slots) for slots in result.slots.values()) == 6


def test_a_question_that_is_refused_costs_the_others_no_prompt_more(tmp_path: Path) -> None:
    def too_long(_n: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        return (400, {}, b"") if body["messages"][0]["content"] == "question bad" else None

    with LlmServer(fault=too_long) as llm:
        jobs = [job("bad"), job("a"), job("b")]
        result = gather(llm, tmp_path / "j", jobs, parallel=1)
    assert [request.get("n") for request in llm.requests] == [3, None, 3, 3]
    assert result.failed == {"bad_request": 3}
    assert sorted(result.slots) == ["a", "b"]


def test_an_endpoint_that_gives_fewer_at_once_is_asked_for_the_rest_at_once(tmp_path: Path) -> None:
    def at_most_two(_n: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        choices = [{"message": {"content": "x"}}] * min(2, body.get("n", 1))
        return 200, {}, json.dumps({"choices": choices}).encode()

    with LlmServer(fault=at_most_two) as llm:
        result = gather(llm, tmp_path / "j", [job("a", 5), job("b", 2)], parallel=1)
    assert [request.get("n") for request in llm.requests] == [5, 3, None, 2]
    assert sum(len(slots) for slots in result.slots.values()) == 7


def test_parallel_candidates_get_seeds_of_their_own(tmp_path: Path) -> None:
    def one(_n: int, _body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, json.dumps({"choices": [{"message": {"content": "x"}}]}).encode()

    with LlmServer(fault=one) as llm:
        gather(llm, tmp_path / "j", [job("a")], Policy(seed=7), parallel=1)
    assert [request["seed"] for request in llm.requests] == [7, 8, 9]


def test_no_more_requests_at_once_than_allowed(tmp_path: Path) -> None:
    with LlmServer(delay_s=0.02) as llm:
        gather(llm, tmp_path / "j", [job(str(i), 1) for i in range(12)], parallel=3)
    assert llm.most_at_once == 3


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_transient_failures_are_tried_again(tmp_path: Path, status: int) -> None:
    with LlmServer(fault=lambda n, _b: (status, {}, b"") if n < 2 else None) as llm:
        result = gather(llm, tmp_path / "j", [job("a")])
    assert len(llm.requests) == 3
    assert result.failed == {}


def test_a_reply_that_is_no_completion_is_tried_again(tmp_path: Path) -> None:
    with LlmServer(fault=lambda n, _b: (200, {}, b"<html>") if n == 0 else None) as llm:
        assert gather(llm, tmp_path / "j", [job("a")]).failed == {}


def test_retry_after_is_obeyed_by_every_worker(tmp_path: Path) -> None:
    def busy(number: int, _body: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        if number == 0:
            return (429, {"retry-after": "1"}, b"")
        # What is on its way beside the refused one takes longer than the refusal.
        time.sleep(0.4)
        return None

    with LlmServer(fault=busy) as llm:
        gather(llm, tmp_path / "j", [job(str(i), 1) for i in range(4)], parallel=2)
    assert len(llm.requests) == 5
    assert sum(at - llm.times[0] < 0.95 for at in llm.times) <= 2


def test_retry_after_as_a_date() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:10 GMT", now=1445412480.0) == 10.0
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412490.0) == 0.0
    assert retry_after_seconds("soon") is None


def test_a_question_that_keeps_failing_is_counted_and_costs_the_others_nothing(
    tmp_path: Path,
) -> None:
    def reject(_n: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        bad = body["messages"][0]["content"] == "question bad"
        return (400, {}, b"question bad, says the provider") if bad else None

    with LlmServer(fault=reject) as llm:
        result = gather(llm, tmp_path / "j", [job("bad", 1), job("a", 1)])
    assert result.failed == {"bad_request": 1}
    assert sorted(result.slots) == ["a"]


def test_a_refused_key_ends_the_run_at_once(tmp_path: Path) -> None:
    refuse = LlmServer(fault=lambda _n, _b: (401, {}, b"your key ABC is wrong"))
    with refuse as llm, pytest.raises(GenerateError) as caught:
        gather(llm, tmp_path / "j", [job(str(i)) for i in range(20)], parallel=2)
    assert caught.value.kind == "unauthorized"
    assert "ABC" not in str(caught.value)
    assert len(llm.requests) <= 4


def test_the_budget_stops_the_run(tmp_path: Path) -> None:
    limit = Policy(max_money=250 / 1e6)
    with LlmServer() as llm, pytest.raises(GenerateError) as caught:
        gather(llm, tmp_path / "j", [job(str(i), 1) for i in range(9)], limit, parallel=1)
    assert caught.value.kind == "budget_spent"
    assert len(llm.requests) == 3


def test_what_is_on_its_way_when_a_run_stops_is_kept(tmp_path: Path) -> None:
    limit = Policy(max_money=250 / 1e6)
    with LlmServer(delay_s=0.03) as llm, pytest.raises(GenerateError):
        gather(llm, tmp_path / "j", [job(str(i), 1) for i in range(30)], limit, parallel=4)
    kept = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()[1:]]
    assert len([row for row in kept if "slot" in row]) == len(llm.requests) < 10


def test_half_finished_questions_are_completed_and_finished_ones_skipped(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with LlmServer() as llm:
        gather(llm, path, [job("a", 2)])
        # One worker: two of them reach the server in either order.
        result = gather(llm, path, [job("a", 3), job("b", 3)], parallel=1)
    assert [request.get("n") for request in llm.requests] == [2, None, 3]
    assert result.resumed == 2
    assert sorted(result.slots["a"]) == [0, 1, 2]
    assert result.bill.requests == 3


def test_a_line_torn_by_a_kill_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with LlmServer() as llm:
        gather(llm, path, [job("a", 1)])
        with path.open("ab") as stream:
            stream.write(b'{"job": "b", "slot": 0, "te')
        result = gather(llm, path, [job("a", 1), job("b", 1)])
    assert len(llm.requests) == 2
    assert sorted(result.slots) == ["a", "b"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_line_torn_by_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    """Another worker's line after it finds room again, and must not stand behind half of one."""
    path = tmp_path / "j"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path, "settings") as journal:
        journal.append([{"job": "a"}])
        whole = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, before[1]))
        try:
            with pytest.raises(TrainError) as caught:
                journal.append([{"job": "b", "text": "x" * 100}])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert caught.value.kind == "disk_full"
        assert path.read_bytes() == whole
        journal.append([{"job": "c"}])
    with Journal(path, "settings") as journal:
        assert [row["job"] for row in journal.entries] == ["a", "c"]


def test_lines_that_may_not_have_reached_the_disk_are_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    path = tmp_path / "j"
    with Journal(path, "settings") as journal:
        whole = path.read_bytes()
        monkeypatch.setattr("medadapter_train.system.journal.os.fsync", fail)
        with pytest.raises(OSError):
            journal.append([{"job": "a"}])
        assert path.read_bytes() == whole


def test_other_settings_do_not_mix_with_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "one"):
        pass
    with pytest.raises(DataError) as caught:
        Journal(tmp_path / "j", "two")
    assert caught.value.kind == "journal_mismatch"


def test_two_runs_cannot_pay_at_the_same_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", "one"), pytest.raises(DataError) as caught:
        Journal(tmp_path / "j", "one")
    assert caught.value.kind == "journal_locked"


def test_after_kill_9_nothing_that_was_answered_is_paid_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from medadapter_train.generate.collect import Job, Policy, collect
        from medadapter_train.generate.cost import Prices
        from medadapter_train.system.journal import Journal
        from medadapter_train.generate.writers import OpenAIWriter, Sampling

        async def go(journal):
            writer = OpenAIWriter(sys.argv[1], "m", Sampling(), parallel=2)
            ask = lambda i: [{"role": "user", "content": f"question {i}"}]
            jobs = [Job(str(i), ask(i), 2) for i in range(40)]
            await collect(jobs, writer, journal, Prices(), Policy())

        with Journal(Path(sys.argv[2]), "settings") as journal:
            asyncio.run(go(journal))
        """
    )
    with LlmServer(delay_s=0.02) as llm:
        process = subprocess.Popen([sys.executable, "-c", script, llm.url, str(path)])
        while llm.choices < 20:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)
        before = len(llm.requests)
        answered = {json.loads(line).get("job") for line in path.read_text().splitlines()[1:]}
        result = gather(llm, path, [job(str(i), 2) for i in range(40)])
    asked_again = [r["messages"][0]["content"] for r in llm.requests[before:]]
    assert len(asked_again) == 40 - len(answered)
    assert not {f"question {key}" for key in answered} & set(asked_again)
    assert sum(len(slots) for slots in result.slots.values()) == 80
    # Only what was on its way when the process died (at most 2 requests) may be paid twice.
    assert len(llm.requests) <= 42


def test_a_provider_that_reports_no_usage_is_estimated_and_says_so(tmp_path: Path) -> None:
    with LlmServer(usage=False) as llm:
        bill = gather(llm, tmp_path / "j", [job("a", 1)]).bill
    assert bill.estimated
    assert bill.prompt_tokens > 0
    assert bill.completion_tokens > 0


def test_the_estimate_bills_a_prompt_once_with_n_and_each_time_without() -> None:
    work = [([{"role": "user", "content": "x" * 400}], 5)]
    bill = estimate(work, PRICES, expected_tokens=50, max_tokens=200)
    assert bill.prompt_tokens == (104, 520)
    assert bill.completion_tokens == (250, 1000)
    assert bill.money == pytest.approx((604 / 1e6, 2520 / 1e6))
