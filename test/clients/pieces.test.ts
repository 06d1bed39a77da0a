/** The example that reads a stream reads it alike however the network cuts it: in one piece, of 7 bytes, byte by byte. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";
import { type Service, startService, typed } from "./service.ts";

let service: Service;
let server: Server;
let recorded: Buffer;
let pieceBytes = 0;

beforeAll(async () => {
  service = await startService();
  const body = { model: "replay", messages: [{ role: "user", content: typed }], stream: true };
  const response = await fetch(`${service.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, medadapter: { k: 5, events: true } }),
  });
  // Characters of two to four bytes: they are cut, too.
  const text = (await response.text()).replace(
    '"content":""',
    '"content":"\u00e9 \u0905 \u{1F34B} "',
  );
  recorded = Buffer.from(text);
  server = createServer(async (request, answer) => {
    if (request.method === "GET") {
      answer.setHeader("content-type", "application/json");
      answer.end(await (await fetch(`${service.url}${request.url}`)).text());
      return;
    }
    answer.setHeader("content-type", "text/event-stream");
    for (let at = 0; at < recorded.length; at += pieceBytes) {
      answer.write(recorded.subarray(at, at + pieceBytes));
      await new Promise((resolve) => setImmediate(resolve));
    }
    answer.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterAll(async () => {
  server?.close();
  await service?.stop();
});

async function ran(bytes: number) {
  pieceBytes = bytes;
  const { port } = server.address() as AddressInfo;
  const script = join(root, "examples", "clients", "ask.mjs");
  return promisify(execFile)(process.execPath, [script, `http://127.0.0.1:${port}`], { cwd: root });
}

it("pieces of 7 bytes and of one give what one piece gives", async () => {
  const whole = await ran(recorded.length);
  expect(whole.stdout).toContain("\u00e9 \u0905 \u{1F34B}");
  expect(whole.stderr.match(/^candidate/gmu)).toHaveLength(5);
  expect(whole.stdout).toMatch(/answer [A-D]/u);
  for (const bytes of [7, 1]) expect(await ran(bytes)).toEqual(whole);
});
