/** Two LLMs, each with an adapter of its own, in one Worker. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { ask, recording } from "./recordings.ts";

let folder: string;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  const persistTo = join(folder, "state");
  const other = join(folder, "other");
  cpSync(bundleDir, other, { recursive: true });
  const file = join(other, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...manifest, name: "other" }));
  for (const bundle of [bundleDir, other]) {
    await seedAdapter({ bundleDir: bundle, persistTo, configPath, channel: "stable" });
  }
  const replay = await startReplay(folder);
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay,second",
    MODEL_ADAPTERS: '{"second": "other"}',
  });
});

afterAll(() => endStack(folder));

interface Answer {
  readonly model: string;
  readonly adapter: { readonly name: string };
  readonly candidates: readonly { readonly score: number | null }[];
}

async function answer(fields: object): Promise<Answer> {
  const question = { ...ask(recording("yesno")), k: 2, ...fields };
  const { status, body } = await post<Answer>(`${worker.url}/v1/answer`, question);
  expect(status).toBe(200);
  expect(body.candidates.every(({ score }) => score !== null)).toBe(true);
  return body;
}

const get = async (path: string) => (await fetch(`${worker.url}${path}`)).json();

describe("an LLM with an adapter of its own", () => {
  it("is ranked by it, the others by the default, and both by the one that a caller names", async () => {
    const ready = async () => (await fetch(`${worker.url}/readyz`)).status;
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
    expect((await answer({})).adapter.name).toBe("mini");
    expect((await answer({ model: "replay" })).adapter.name).toBe("mini");
    expect((await answer({ model: "second" })).adapter.name).toBe("other");
    expect((await answer({ model: "second", adapter: "mini" })).adapter.name).toBe("mini");
    expect((await answer({ adapter: "other" })).adapter.name).toBe("other");
    const unknown = await post(`${worker.url}/v1/answer`, {
      ...ask(recording("yesno")),
      adapter: "third",
    });
    expect(unknown.status).toBe(404);
  });

  it("is listed with it, and either can be asked for scores", async () => {
    const models = (await get("/v1/models")) as {
      data: { id: string; medadapter: { adapter: { name: string } | null } }[];
    };
    const pairs = models.data.map(({ id, medadapter }) => [id, medadapter.adapter?.name]);
    expect(pairs).toEqual([
      ["replay", "mini"],
      ["second", "other"],
    ]);
    const adapters = (await get("/v1/adapters")) as { data: { name: string }[] };
    expect(adapters.data.map(({ name }) => name)).toEqual(["mini", "other"]);
    const ready = (await get("/readyz")) as {
      adapter: { name: string };
      others: { status: string; adapter: { name: string } }[];
    };
    expect(ready.adapter.name).toBe("mini");
    expect(ready.others).toMatchObject([{ status: "ready", adapter: { name: "other" } }]);
    for (const name of ["mini", "other"]) {
      const body = { model: name, query: "Is water wet?", documents: ["Answer: yes"] };
      const reranked = await post<{ medadapter: { adapter: { name: string } } }>(
        `${worker.url}/v1/rerank`,
        body,
      );
      expect(reranked.body.medadapter.adapter.name).toBe(name);
    }
  });
});
