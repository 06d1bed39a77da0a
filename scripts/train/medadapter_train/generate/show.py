"""What the data commands print: estimates, bills, labels by task."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from medadapter_train.generate.cost import Bill, Estimate
from medadapter_train.generate.label import Labelled

console = Console(stderr=True, soft_wrap=True)


def show_estimate(bill: Estimate) -> None:
    """Print an estimate as a table."""
    table = Table("", "expected", "at most")
    table.add_row("questions", f"{bill.questions:,}", f"{bill.questions:,}")
    table.add_row("candidates", f"{bill.candidates:,}", f"{bill.candidates:,}")
    for name, pair in (("prompt", bill.prompt_tokens), ("completion", bill.completion_tokens)):
        table.add_row(f"{name} tokens", f"{pair[0]:,}", f"{pair[1]:,}")
    table.add_row("money", f"{bill.money[0]:,.2f}", f"{bill.money[1]:,.2f}")
    Console().print(table)


def show_bill(bill: Bill) -> None:
    """Print what was paid, earlier runs included."""
    about = "about " if bill.estimated else ""
    console.print(
        f"{bill.requests} requests, {about}{bill.prompt_tokens:,} prompt and"
        f" {bill.completion_tokens:,} completion tokens, {about}{bill.money:,.4f} in money"
    )


def show_labels(done: Labelled) -> None:
    """Print labels by task, and the agreement with people."""
    table = Table("task", "questions", "candidates", "parse rate", "right", "some right", "no gold")
    for name, counts in sorted(done.tasks.items()):
        table.add_row(
            name,
            str(counts.questions),
            str(counts.candidates),
            f"{counts.parse_rate:.3f}",
            f"{counts.right / max(1, counts.candidates):.3f}",
            f"{counts.some_right / max(1, counts.questions):.3f}",
            str(counts.no_gold),
        )
    Console().print(table)
    found = done.agreement
    if found is not None:
        kappa = "undefined" if found.kappa is None else f"{found.kappa:.3f}"
        span = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f}, 95 %)"
        console.print(
            f"agreement with people: kappa {kappa}{span}, observed {found.observed:.3f},"
            f" on {found.items} candidates of {found.groups} questions"
        )
    if done.bill is not None:
        show_bill(done.bill)
