"""Collects K completions for each of many conversations, durably: pays once, resumes after a kill.

Order of things for one request: ask, append every completion and its usage to the journal in one
durable write, only then count the slots as filled. Slots that the journal holds are never asked
for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from medadapter_train.generate.cost import (
    Bill,
    GenerateError,
    Prices,
    estimate_prompt,
    estimate_text,
)
from medadapter_train.generate.writers import (
    FATAL,
    TRANSIENT,
    Message,
    Reply,
    Writer,
    WriterFault,
    Written,
)
from medadapter_train.system.journal import Journal


@dataclass(frozen=True, slots=True)
class Job:
    """One conversation and how many completions it wants. `key` names it in the journal."""

    key: str
    messages: Sequence[Message]
    wanted: int


@dataclass(frozen=True, slots=True)
class Policy:
    """`retries` follow the first try of a request; pauses are capped at `max_pause_s`.

    `seed`: the request for slot i carries seed + i, so that parallel candidates differ.
    `max_money`: no request is started once the bill has reached it.
    """

    retries: int = 5
    first_pause_s: float = 0.5
    max_pause_s: float = 120.0
    seed: int | None = None
    max_money: float | None = None


@dataclass(slots=True)
class Collected:
    """All completions by job key and slot, those of earlier runs too. `failed` counts by kind."""

    bill: Bill
    slots: dict[str, dict[int, Written]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    resumed: int = 0

    def missing(self, job: Job) -> list[int]:
        have = self.slots.get(job.key, {})
        return [slot for slot in range(job.wanted) if slot not in have]


def recall(journal: Journal, prices: Prices) -> Collected:
    """The completions of earlier runs in the journal, with their bill."""
    result = Collected(Bill(prices))
    for row in journal.entries:
        if "slot" in row:
            written = Written(str(row["text"]), str(row["finish"]))
            result.slots.setdefault(str(row["job"]), {})[int(row["slot"])] = written
            result.resumed += 1
        elif "prompt_tokens" in row:
            result.bill.add(
                int(row["prompt_tokens"]),
                int(row["completion_tokens"]),
                estimated=bool(row["estimated"]),
            )
    return result


class _Gate:
    """Makes all requests wait when one is told to wait: the limit is the account's, not the
    request's.
    """

    def __init__(self) -> None:
        self._open_at = 0.0

    def close_for(self, seconds: float) -> None:
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    async def wait(self) -> None:
        while (left := self._open_at - time.monotonic()) > 0:
            await asyncio.sleep(left)


async def collect(
    jobs: Sequence[Job],
    writer: Writer,
    journal: Journal,
    prices: Prices,
    policy: Policy,
    progress: Callable[[int], None] = lambda _filled: None,
) -> Collected:
    """Fill every job's slots; those that cannot be filled are counted in `failed`, not raised.

    Raises `GenerateError`: unauthorized, not_found (no request can succeed), budget_spent. What was
    paid for until then is in the journal, and its bill in the error.
    """
    result = recall(journal, prices)
    run = _Run(writer, journal, policy, result, progress)
    pending = [job for job in jobs if result.missing(job)]
    queue = iter(pending)

    async def worker() -> None:
        for job in queue:
            await run.fill(job)

    tasks = [asyncio.create_task(worker()) for _ in range(min(writer.parallel, len(pending)))]
    # One worker's error stops the others before their next request. A request that is under way is
    # paid for, so it ends first.
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, GenerateError):
            outcome.bill = result.bill
        if isinstance(outcome, BaseException):
            raise outcome
    return result


class _Run:
    def __init__(
        self,
        writer: Writer,
        journal: Journal,
        policy: Policy,
        result: Collected,
        progress: Callable[[int], None],
    ) -> None:
        self.writer = writer
        self.journal = journal
        self.policy = policy
        self.result = result
        self.progress = progress
        self.gate = _Gate()
        self.use_n = True
        self.jitter = random.Random(0)
        self.stopped: Exception | None = None

    async def fill(self, job: Job) -> None:
        """Ask for all missing slots at once where `n` works, then one by one for what is left."""
        try:
            await self._fill(job)
        except WriterFault as fault:
            if fault.kind in FATAL:
                message = f"the LLM endpoint answered: {fault}"
                self.stopped = GenerateError(fault.kind, message)
                raise self.stopped from None
            failed = self.result.failed
            failed[fault.kind] = failed.get(fault.kind, 0) + len(self.result.missing(job))
        except Exception as error:
            self.stopped = error
            raise

    async def _fill(self, job: Job) -> None:
        refused = False
        while self.use_n and not refused and len(missing := self.result.missing(job)) > 1:
            try:
                reply = await self.ask(job, missing)
                if len(reply.choices) == 1:
                    # This endpoint ignores `n`. One that limits `n` would have sent more than one.
                    self.use_n = False
            except WriterFault as fault:
                if fault.kind != "n_refused":
                    raise
                refused = True
        for slot in self.result.missing(job):
            await self.ask(job, [slot])
            # Only now is it known that `n` was refused and not the question.
            if refused:
                self.use_n = False

    async def ask(self, job: Job, slots: list[int]) -> Reply:
        """One request with its retries. Its completions are in the journal when this returns."""
        seed = None if self.policy.seed is None else self.policy.seed + slots[0]
        for attempt in range(self.policy.retries + 1):
            await self.gate.wait()
            if self.stopped is not None:
                raise self.stopped
            self._check_budget()
            try:
                reply = await self.writer.write(job.messages, len(slots), seed)
            except WriterFault as fault:
                if fault.kind not in TRANSIENT or attempt == self.policy.retries:
                    raise
                pause = self._pause(attempt, fault)
                if fault.retry_after_s is None:
                    await asyncio.sleep(pause)
                else:
                    self.gate.close_for(pause)
                continue
            self._keep(job, slots, reply)
            return reply
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, fault: WriterFault) -> float:
        """What the server asked for; else exponential with full jitter, at least half of it."""
        if fault.retry_after_s is not None:
            return min(fault.retry_after_s, self.policy.max_pause_s)
        longest = min(self.policy.first_pause_s * 2.0**attempt, self.policy.max_pause_s)
        return longest * (0.5 + 0.5 * self.jitter.random())

    def _check_budget(self) -> None:
        limit = self.policy.max_money
        if limit is not None and self.result.bill.money >= limit:
            raise GenerateError("budget_spent", f"the bill has reached the limit of {limit:g}")

    def _keep(self, job: Job, slots: list[int], reply: Reply) -> None:
        taken = list(zip(slots, reply.choices, strict=False))
        estimated = reply.prompt_tokens is None or reply.completion_tokens is None
        prompt = reply.prompt_tokens
        completion = reply.completion_tokens
        prompt = estimate_prompt(job.messages) if prompt is None else prompt
        if completion is None:
            completion = sum(estimate_text(choice.text) for choice in reply.choices)
        rows: list[dict[str, object]] = [
            {"job": job.key, "slot": slot, "text": choice.text, "finish": choice.finish}
            for slot, choice in taken
        ]
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "estimated": estimated}
        self.journal.append([*rows, {"job": job.key, **usage}])
        self.result.bill.add(prompt, completion, estimated=estimated)
        self.result.slots.setdefault(job.key, {}).update(taken)
        self.progress(len(taken))
