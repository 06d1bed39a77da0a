/** Bodies are read behind the key, and bounded in time. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { piecesOf } from "../../../src/worker/http/body.ts";
import { Problem } from "../../../src/worker/http/problems.ts";
import { newKey } from "../access/worker.ts";
import worker from "../main.ts";

let records: string[];
beforeEach(() => {
  records = [];
  vi.spyOn(console, "log").mockImplementation((line) => void records.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A body that counts how often it was asked for more, and says nothing more after `pieces`. */
function counted(pieces: readonly string[], end: "hang" | "cut" | "close") {
  const waiting = [...pieces];
  const seen = { pulls: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        seen.pulls += 1;
        const next = waiting.shift();
        if (next !== undefined) return controller.enqueue(new TextEncoder().encode(next));
        if (end === "cut") return controller.error(new Error("the connection broke"));
        if (end === "close") return controller.close();
        return new Promise<void>(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

async function send(path: string, body: ReadableStream, headers: Record<string, string> = {}) {
  const request = new Request(`https://api.example${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const context = createExecutionContext();
  const response = await worker.fetch(request, env as unknown as Bindings, context);
  const { code } = (await response.json()) as { code: string };
  await waitOnExecutionContext(context);
  return { status: response.status, code };
}

describe("a body", () => {
  it.each(["/v1/answer", "/v1/chat/completions", "/v1/rerank", "/v1/batches", "/v1/feedback"])(
    "of %s without a key is not read at all",
    async (path) => {
      const { stream, seen } = counted(["{"], "hang");
      expect(await send(path, stream)).toEqual({ status: 401, code: "invalid_api_key" });
      expect(seen.pulls).toBe(0);
    },
  );

  it("of the admin's route without the admin's token is not read either", async () => {
    const { stream, seen } = counted(["{"], "hang");
    expect((await send("/v1/admin/keys", stream)).status).toBeGreaterThanOrEqual(401);
    expect(seen.pulls).toBe(0);
  });

  it("that the client cuts off is a client that left, and no bug", async () => {
    const { key } = await newKey();
    const { stream } = counted(['{"question": "'], "cut");
    const sent = await send("/v1/answer", stream, { authorization: `Bearer ${key}` });
    expect(sent.code).toBe("client_closed");
    expect(records.filter((line) => line.includes('"bug"'))).toEqual([]);
  });

  it("that stalls is ended by name", async () => {
    const { stream, seen } = counted(["a", "b"], "hang");
    const read: number[] = [];
    const reading = (async () => {
      for await (const piece of piecesOf(stream, 50)) read.push(piece.length);
    })();
    await expect(reading).rejects.toBeInstanceOf(Problem);
    await expect(reading).rejects.toMatchObject({ kind: "upload_stalled" });
    expect(read).toEqual([1, 1]);
    expect(seen.pulls).toBe(3);
  });

  it("that ends is read whole, however it is cut", async () => {
    const { stream } = counted(["one ", "two ", "three"], "close");
    let text = "";
    for await (const piece of piecesOf(stream, 1_000)) text += new TextDecoder().decode(piece);
    expect(text).toBe("one two three");
  });
});
