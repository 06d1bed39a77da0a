/** OpenAI's Responses read as a chat; what is not supported is named. */
import { describe, expect, it } from "vitest";
import { Problem } from "../../../src/worker/http/problems.ts";
import { lastInput, toChat, withOwnNames } from "../../../src/worker/responses/request.ts";
import { ResponseRequest } from "../../../src/worker/responses/schema.ts";

const read = (body: object) => toChat(ResponseRequest.parse({ input: "Is it?", ...body }), "llm");

/** The field that a request is refused for. */
function refused(body: object): string | undefined {
  try {
    read(body);
  } catch (thrown) {
    if (thrown instanceof Problem) return `${thrown.kind} ${thrown.details.fields?.[0]?.field}`;
    throw thrown;
  }
  return undefined;
}

describe("a response that is asked for", () => {
  it("is a chat: instructions first, the input last", () => {
    expect(
      read({
        instructions: "Be brief.",
        temperature: 0.5,
        max_output_tokens: 64,
        reasoning: { effort: "low" },
      }),
    ).toMatchObject({
      model: "llm",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Is it?" },
      ],
      temperature: 0.5,
      max_completion_tokens: 64,
      reasoning_effort: "low",
    });
  });

  it("may be a list of messages, with what was said before", () => {
    const input = [
      { role: "developer", content: "Be brief." },
      { type: "message", role: "user", content: [{ type: "input_text", text: "One." }] },
      {
        type: "message",
        id: "msg_1",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: "Two.", annotations: [] }],
      },
      {
        role: "user",
        content: [
          { type: "input_text", text: "Is" },
          { type: "text", text: "it?" },
        ],
      },
    ];
    expect(read({ input }).messages).toEqual([
      { role: "developer", content: "Be brief." },
      { role: "user", content: "One." },
      { role: "assistant", content: "Two." },
      { role: "user", content: "Is\nit?" },
    ]);
    expect(lastInput(ResponseRequest.parse({ input }))).toBe("Is\nit?");
  });

  it.each([
    { tools: [], tool_choice: "auto", parallel_tool_calls: true, truncation: "auto" },
    { store: false, background: false, previous_response_id: null, include: [] },
    { include: ["reasoning.encrypted_content"], reasoning: { effort: "low", summary: "auto" } },
    { text: { format: { type: "text" }, verbosity: "low" }, service_tier: "auto" },
    { top_logprobs: 0, metadata: { app: "mine" }, stream_options: { include_obfuscation: false } },
  ])("%j is taken", (more) => {
    expect(refused(more)).toBeUndefined();
  });

  it.each([
    [{ tools: [{ type: "web_search" }] }, "tools"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ background: true }, "background"],
    [{ store: true }, "store"],
    [{ prompt: { id: "pmpt_1" } }, "prompt"],
    [{ include: ["message.output_text.logprobs"] }, "include"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ text: { format: { type: "json_schema", name: "a", schema: {} } } }, "text.format"],
    [{ input: [{ type: "function_call_output", call_id: "a", output: "b" }] }, "input[0].type"],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "data:," }] }] },
      "input[0].content[0].type",
    ],
    [
      { input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] },
      "input[0].content[0].type",
    ],
  ])("%j is refused by name", (more, field) => {
    expect(refused(more)).toBe(`unsupported_parameter ${field}`);
  });

  it("names its own fields where a chat's reading refuses", async () => {
    const thrown = new Problem("invalid_request", {
      fields: [
        { field: "messages", reason: "a" },
        { field: "max_completion_tokens", reason: "b" },
        { field: "medadapter.k", reason: "c" },
      ],
    });
    const renamed = await withOwnNames(Promise.reject(thrown)).catch((one: unknown) => one);
    expect(renamed).toMatchObject({
      kind: "invalid_request",
      details: {
        fields: [
          { field: "input", reason: "a" },
          { field: "max_output_tokens", reason: "b" },
          { field: "medadapter.k", reason: "c" },
        ],
      },
    });
    const other = new Error("other");
    await expect(withOwnNames(Promise.reject(other))).rejects.toBe(other);
  });
});
