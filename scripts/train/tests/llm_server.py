"""A small real HTTP server that speaks chat completions, fails as told, counts what it is asked.

Its texts depend on the question and on a counter only, so a test can tell every paid completion.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

#: What to answer instead: (status, headers, body) or None for the usual answer.
Fault = Callable[[int, dict[str, Any]], tuple[int, dict[str, str], bytes] | None]


class LlmServer:
    """`with LlmServer() as llm`: `llm.url` is the base URL, `llm.requests` what was asked so far.

    `honour_n`: whether `n` completions come for n > 1, or one. `answer(messages, i)`: the text.
    """

    def __init__(
        self,
        *,
        fault: Fault = lambda _number, _body: None,
        honour_n: bool = True,
        usage: bool = True,
        delay_s: float = 0.0,
        answer: Callable[[list[dict[str, str]], int], str] | None = None,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.choices = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer._lock:
                    number = len(outer.requests)
                    outer.requests.append(body)
                    outer.times.append(time.monotonic())
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                time.sleep(delay_s)
                instead = fault(number, body)
                status, headers, data = instead or (
                    200,
                    {},
                    outer._reply(body, honour_n, usage, answer),
                )
                with outer._lock:
                    outer._at_once -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def _reply(
        self,
        body: dict[str, Any],
        honour_n: bool,
        usage: bool,
        answer: Callable[[list[dict[str, str]], int], str] | None,
    ) -> bytes:
        n = int(body.get("n", 1)) if honour_n else 1
        choices = []
        for index in range(n):
            with self._lock:
                number = self.choices
                self.choices += 1
            text = f"completion {number}" if answer is None else answer(body["messages"], number)
            message = {"role": "assistant", "content": text}
            choices.append({"index": index, "message": message, "finish_reason": "stop"})
        reply: dict[str, Any] = {"choices": choices}
        if usage:
            reply["usage"] = {"prompt_tokens": 100, "completion_tokens": 10 * n}
        return json.dumps(reply).encode()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
