/** Answers that are kept on request, joined with how they turned out, exported, deleted, gone after their time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployed, fakeLlm, newKey } from "../access/worker.ts";
import { content, type Deployed, keepingWorker, kept, parsed } from "../keepingWorker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2, store: true };
const DAY_S = 86_400;

let worker: Deployed;

beforeEach(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  fakeLlm();
  worker = await keepingWorker();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A stored answer of a new tenant, and ways to speak of it. */
async function stored(body: object = ask) {
  const owner = await newKey();
  const answered = await worker.post(owner.key, "/v1/answer", body);
  expect(answered.body.stored).toBe(true);
  const id = answered.body.id as string;
  const say = async (verdict: object, key = owner.key) => {
    const { status, body } = await worker.post(key, "/v1/feedback", { id, ...verdict });
    return [status, status === 200 ? body.trusted : body.code];
  };
  const exported = async () => {
    const { key } = await newKey({ tenant: owner.tenant, scopes: ["feedback:export"] });
    return parsed((await worker.send(key, "/v1/feedback/export")).text);
  };
  return { ...owner, id, say, exported };
}

describe("an answer", () => {
  it("is kept only where that is asked for, and says so", async () => {
    const { key, tenant } = await newKey();
    const { store: _store, ...plain } = ask;
    for (const body of [plain, { ...ask, store: false }, { ...ask, store: null }]) {
      const answered = await worker.post(key, "/v1/answer", body);
      expect(answered.status).toBe(200);
      expect(answered.body).not.toHaveProperty("stored");
    }
    expect(await kept(`feedback/${tenant}`)).toEqual([]);
    expect((await worker.post(key, "/v1/answer", ask)).body.stored).toBe(true);
    expect(await kept(`feedback/${tenant}`)).toHaveLength(1);
  });

  it("of a chat, whole or streamed, is kept as well, under the id that it has", async () => {
    const { key, tenant } = await newKey();
    const chat = { model: "replay", store: true, messages: [{ role: "user", content: "Wet?" }] };
    const whole = await worker.post(key, "/v1/chat/completions", chat);
    expect(whole.body.medadapter.stored).toBe(true);
    const streamed = await worker.post(key, "/v1/chat/completions", { ...chat, stream: true });
    expect(streamed.text).toContain('"stored":true');
    expect(await kept(`feedback/${tenant}`)).toHaveLength(2);
    const said = await worker.post(key, "/v1/feedback", { id: whole.body.id, correct: true });
    expect(said.status).toBe(200);
  });

  it("is given though it cannot be kept, and says that it is not", async () => {
    const { key } = await newKey();
    vi.spyOn(content, "put");
    const broken = { ...content, put: () => Promise.reject(new Error("full")) } as R2Bucket;
    worker = await keepingWorker({ CONTENT: broken });
    const answered = await worker.post(key, "/v1/answer", ask);
    expect(answered.status).toBe(200);
    expect(answered.body).toMatchObject({ answer: "yes", stored: false });
  });

  it("that is written too late to be said to be kept is deleted again", async () => {
    const { key, tenant } = await newKey();
    let written = 0;
    const slow = {
      put: async (...given: Parameters<R2Bucket["put"]>) => {
        if (given[0].startsWith("feedback/")) await pause(5_500);
        const put = await content.put(...given);
        if (given[0].startsWith("feedback/")) written += 1;
        return put;
      },
      head: (name: string) => content.head(name),
      delete: (names: string[]) => content.delete(names),
    };
    worker = await keepingWorker({ CONTENT: slow as unknown as R2Bucket });
    expect((await worker.post(key, "/v1/answer", ask)).body.stored).toBe(false);
    expect(written).toBe(1);
    expect(await kept(`feedback/${tenant}`)).toEqual([]);
  });

  it("is refused where nothing can be kept, before the LLM is asked", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: "" });
    const { status, body } = await call("/v1/answer", { key: (await newKey()).key, body: ask });
    expect([status, body.code, body.errors[0].field]).toEqual([
      400,
      "storage_unavailable",
      "store",
    ]);
    expect(llm.requests).toBe(0);
  });

  it("is kept so that its bucket tells nothing", async () => {
    const canary = "canary-91b2";
    const { tenant } = await stored({ ...ask, question: canary, context: canary });
    for (const name of [...(await kept(`feedback/${tenant}`)), ...(await kept("expiry/"))]) {
      expect(name).not.toContain(canary);
      expect(await (await content.get(name))?.text()).not.toContain(canary);
    }
  });
});

describe("feedback", () => {
  it("joins the answer, and gives the line that training reads", async () => {
    const { tenant, say, exported } = await stored({ ...ask, context: "It is." });
    expect(await exported()).toEqual([]);
    expect(await say({ gold: "NO" })).toEqual([200, false]);
    const [line, ...more] = await exported();
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      tenant,
      trusted: false,
      question: "Is water wet?",
      context: "It is.",
      evidence: null,
      options: { yes: "yes", no: "no" },
      llm: "replay",
      candidates: [
        { text: "Answer: yes", answer: "yes" },
        { text: "Answer: yes", answer: "yes" },
      ],
      scores: [null, null],
      chosen: 0,
      outcome: { gold: "no" },
    });
  });

  it("keeps evidence apart from context", async () => {
    const { say, exported } = await stored({ ...ask, evidence: "It is, says the record." });
    await say({ gold: "yes" });
    expect(await exported()).toMatchObject([
      { context: null, evidence: "It is, says the record." },
    ]);
  });

  it("of a trusted key stands, and only a trusted one replaces it", async () => {
    const { id, key, tenant, say, exported } = await stored();
    const { key: trusted } = await newKey({ tenant, scopes: ["answer", "feedback:trusted"] });
    expect(await say({ rating: 1 })).toEqual([200, false]);
    expect(await say({ correct: true }, trusted)).toEqual([200, true]);
    expect(await say({ correct: false })).toEqual([409, "feedback_settled"]);
    expect(await exported()).toMatchObject([{ trusted: true, outcome: { correct: true } }]);
    expect(await say({ rating: 5 }, trusted)).toEqual([200, true]);
    expect(await exported()).toMatchObject([{ trusted: true, outcome: { rating: 5 } }]);
    const erase = (whose: string) => worker.send(whose, `/v1/feedback/${id}`, { method: "DELETE" });
    const refused = await erase(key);
    expect([refused.status, refused.body.code]).toEqual([409, "feedback_settled"]);
    expect(await exported()).toHaveLength(1);
    expect((await erase(trusted)).status).toBe(200);
  });

  it("that says nothing, too much or what cannot be is refused, naming the field", async () => {
    const { key, id } = await stored();
    const fault = async (verdict: object) => {
      const { status, body } = await worker.post(key, "/v1/feedback", { id, ...verdict });
      return [status, body.errors[0]?.field];
    };
    expect(await fault({})).toEqual([400, "body"]);
    expect(await fault({ correct: true, rating: 5 })).toEqual([400, "body"]);
    expect(await fault({ gold: "maybe" })).toEqual([400, "gold"]);
    expect(await fault({ rating: 6 })).toEqual([400, "rating"]);
    expect(await fault({ correct: "yes" })).toEqual([400, "correct"]);
    const abstained = await stored({ ...ask, abstain: { below: 1 } });
    expect(await abstained.say({ correct: true })).toEqual([400, "invalid_request"]);
    expect(await abstained.say({ gold: "yes" })).toEqual([200, false]);
  });

  it("with an Idempotency-Key is answered again, whatever was said since, and counts nothing", async () => {
    const { key, id, tenant, say, exported } = await stored();
    const keyed = (verdict: object) =>
      worker.send(key, "/v1/feedback", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "once" },
        body: JSON.stringify({ id, ...verdict }),
      });
    const first = await keyed({ correct: true });
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([200, null]);
    await say({ correct: false });
    const again = await keyed({ correct: true });
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(again.body).toEqual(first.body);
    expect(await exported()).toMatchObject([{ outcome: { correct: false } }]);
    const other = await keyed({ correct: false });
    expect([other.status, other.body.code]).toEqual([422, "idempotency_key_reused"]);
    const reader = await newKey({ tenant, scopes: ["usage"] });
    const { data } = (await worker.send(reader.key, "/v1/usage")).body;
    expect(data).toMatchObject([{ requests: 1 }]);
    expect(data).toHaveLength(1);
  });

  it("that failed leaves its Idempotency-Key free", async () => {
    const { key, id } = await stored();
    const keyed = (verdict: object) =>
      worker.send(key, "/v1/feedback", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "retried" },
        body: JSON.stringify({ id, ...verdict }),
      });
    expect((await keyed({ gold: "maybe" })).status).toBe(400);
    expect((await keyed({ gold: "no" })).status).toBe(200);
  });

  it("reaches no answer of another tenant, nor one that is not there", async () => {
    const { id, key, exported } = await stored();
    const stranger = await newKey({ scopes: ["answer", "feedback:trusted", "feedback:export"] });
    const unknown = [404, "feedback_unknown"];
    const said = await worker.post(stranger.key, "/v1/feedback", { id, correct: false });
    expect([said.status, said.body.code]).toEqual(unknown);
    const path = `/v1/feedback/${id}`;
    expect((await worker.send(stranger.key, path, { method: "DELETE" })).status).toBe(404);
    expect(parsed((await worker.send(stranger.key, "/v1/feedback/export")).text)).toEqual([]);
    for (const other of [`req_${"0".repeat(32)}`, "x", "../../other"]) {
      const { status } = await worker.post(key, "/v1/feedback", { id: other, correct: true });
      expect(status).toBe(404);
    }
    expect(await exported()).toEqual([]);
    expect((await worker.send(key, "/v1/feedback/export")).status).toBe(403);
  });

  it("is deleted with its answer, and nothing is left", async () => {
    const { id, key, tenant, say, exported } = await stored();
    await say({ correct: true });
    const deleted = await worker.send(key, `/v1/feedback/${id}`, { method: "DELETE" });
    expect(deleted.body).toEqual({ id, object: "feedback", deleted: true });
    expect(await kept(`feedback/${tenant}`)).toEqual([]);
    expect((await kept("expiry/")).filter((name) => name.includes(tenant))).toEqual([]);
    expect(await exported()).toEqual([]);
    expect(await say({ correct: true })).toEqual([404, "feedback_unknown"]);
  });

  it("expires: unreadable at once, deleted by the clock", async () => {
    // Both Workers are made before the two seconds begin.
    const usual = await keepingWorker();
    const brief = await keepingWorker({ FEEDBACK_DAYS: String(2 / DAY_S) });
    worker = usual;
    const long = await stored();
    worker = brief;
    const short = await stored();
    worker = usual;
    expect(await short.say({ correct: true })).toEqual([200, false]);
    await worker.tick();
    expect(await kept(`feedback/${short.tenant}`)).toHaveLength(1);
    await pause(2_100);
    expect(await short.say({ correct: true })).toEqual([404, "feedback_unknown"]);
    expect(await short.exported()).toEqual([]);
    await worker.tick();
    expect(await kept(`feedback/${short.tenant}`)).toEqual([]);
    expect((await kept("expiry/")).filter((name) => name.includes(short.tenant))).toEqual([]);
    expect(await kept(`feedback/${long.tenant}`)).toHaveLength(1);
  });

  it("makes no trusted word of a key that is not", async () => {
    fakeLlm();
    const { key } = await newKey({ scopes: ["answer"] });
    const { body } = await worker.post(key, "/v1/answer", { ...ask });
    const said = await worker.post(key, "/v1/feedback?trusted=true", { id: body.id, gold: "no" });
    expect(said.body).toMatchObject({ trusted: false });
  });
});
