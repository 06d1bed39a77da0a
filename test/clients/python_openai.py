"""OpenAI's SDK for Python against the Worker: `python python_openai.py URL REPLAY_URL`.

Each check asserts; the process ends with 0 when all hold.
"""

import json
import sys
import urllib.request

import openai

QUESTION = """Deficiency of which vitamin causes Wernicke encephalopathy?
A. Cobalamin (B12)
B. Thiamine (B1)
C. Niacin (B3)
D. Pyridoxine (B6)"""

url, replay = sys.argv[1], sys.argv[2]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def fail(mode: str | None, times: int | None = None) -> None:
    body = {"mode": mode} if times is None else {"mode": mode, "times": times}
    request = urllib.request.Request(
        f"{replay.removesuffix('/v1')}/__replay/fail",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(request).read()


def ask(asking: openai.OpenAI = client, **more: object) -> object:
    messages = [{"role": "user", "content": QUESTION}]
    return asking.chat.completions.create(model="replay", messages=messages, **more)


plain = ask(n=3, extra_body={"medadapter": {"k": 5}})
assert len(plain.choices) == 3
assert plain.medadapter["k"] == 5
assert plain.usage.total_tokens > 0
print("plain")

text, events, usage = "", 0, None
stream = ask(
    stream=True,
    stream_options={"include_usage": True},
    extra_body={"medadapter": {"events": True}},
)
for chunk in stream:
    if chunk.object == "medadapter.candidate":
        events += 1
    for choice in chunk.choices:
        text += choice.delta.content or ""
    usage = chunk.usage or usage
assert text and events == 8 and usage.completion_tokens > 0
print("streaming")

try:
    client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "Is it?"}])
    raise AssertionError("an unknown model was answered")
except openai.NotFoundError as error:
    assert error.code == "unknown_model", error.code
try:
    ask(extra_body={"medadapter": {"nonsense": 1}})
    raise AssertionError("an unknown field was taken")
except openai.BadRequestError as error:
    assert "nonsense" in error.message
print("errors")

for mode in ("429", "500"):
    fail(mode, 3)
    assert ask(client.with_options(max_retries=3)).choices[0].message.content
print("retries")

fail("hang-before-headers")
try:
    ask(client.with_options(timeout=0.5))
    raise AssertionError("it waited longer than its time-out")
except openai.APITimeoutError:
    fail(None)
print("time-out")

stream = ask(stream=True)
next(iter(stream))
stream.close()
assert ask().choices[0].message.content
print("left in the middle")

response = client.responses.create(model="replay", input=QUESTION, metadata={"app": "test"})
assert response.output_text and response.status == "completed"
assert response.medadapter["answer"] in "ABCD" and response.metadata == {"app": "test"}
assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
raw = client.responses.with_raw_response.create(model="replay", input=QUESTION)
assert raw.headers["x-medadapter-answer"] == raw.parse().medadapter["answer"]
print("responses")

with client.responses.stream(model="replay", input=QUESTION) as events:
    kinds = [event.type for event in events]
    final = events.get_final_response()
assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
assert final.output_text == response.output_text
try:
    client.responses.create(model="replay", input=QUESTION, previous_response_id="resp_1")
    raise AssertionError("an unsupported field was taken")
except openai.BadRequestError as error:
    assert error.param == "previous_response_id", error.param
print("responses as a stream")
