/**
 * What real servers send, as data: one file a family of servers, each form with the place where it is told of. The
 * inputs are written for this project. Each is sent by a real HTTP server, whole and cut into pieces.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ask, byIndex, collect, generatorOn } from "./replay.ts";

const Dialect = z.strictObject({
  server: z.string(),
  cases: z.array(
    z.strictObject({
      name: z.string(),
      n: z.int(),
      status: z.int(),
      type: z.string(),
      body: z.string(),
      expect: z.union([
        z.strictObject({ reason: z.string() }),
        z.strictObject({
          texts: z.array(z.string()),
          states: z.array(z.string()).optional(),
          cutBy: z.array(z.string()).optional(),
          /** Prompt, completion, of that thinking. */
          usage: z.array(z.int()).optional(),
        }),
      ]),
      /** A thread or a page of documentation; null: a form that this project thought of. */
      source: z.url().nullable(),
    }),
  ),
});
type Case = z.infer<typeof Dialect>["cases"][number];

const folder = new URL("./dialects/", import.meta.url);
const dialects = readdirSync(folder).map((file) =>
  Dialect.parse(JSON.parse(readFileSync(new URL(file, folder), "utf8"))),
);

let current: { readonly one: Case; readonly size: number };
const server = createServer(async (incoming, outgoing) => {
  for await (const _ of incoming);
  const { status, type, body } = current.one;
  outgoing.writeHead(status, { "content-type": type });
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += current.size) {
    outgoing.write(bytes.subarray(at, at + current.size));
    // Else the pieces are joined on their way.
    if (current.size < 1_000) await new Promise((resolve) => setImmediate(resolve));
  }
  outgoing.end();
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

describe.each(dialects)("$server", ({ cases }) => {
  it.each(cases)("$name", async (one) => {
    for (const size of [100_000, 13, 1]) {
      current = { one, size };
      const { port } = server.address() as AddressInfo;
      const generator = generatorOn(`http://127.0.0.1:${port}/v1`);
      const { candidates, failed, usage } = await collect(generator.generate(ask(one.n)));
      if ("reason" in one.expect) {
        expect(failed.map(({ reason }) => reason)).toEqual(Array(one.n).fill(one.expect.reason));
        continue;
      }
      expect(failed).toEqual([]);
      const sorted = byIndex(candidates);
      expect(sorted.map(({ text }) => text)).toEqual(one.expect.texts);
      const whole = one.expect.texts.map(() => "complete");
      expect(sorted.map(({ state }) => state)).toEqual(one.expect.states ?? whole);
      if (one.expect.cutBy) expect(sorted.map(({ cutBy }) => cutBy)).toEqual(one.expect.cutBy);
      if (one.expect.usage) {
        const { promptTokens, completionTokens, reasoningTokens } = usage.usage;
        const told = [promptTokens, completionTokens, reasoningTokens];
        expect(told.filter((count) => count !== undefined)).toEqual(one.expect.usage);
      }
    }
  });
});
