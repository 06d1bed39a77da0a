/** LLMs behind the Worker, each at a host of its own: what each says, and what each was asked. */
import { vi } from "vitest";

export interface FakeLlm {
  /** Answers in the order in which candidates are asked for; the last one again and again. */
  readonly says: readonly string[];
  /** An HTTP status instead of an answer. */
  readonly status?: number;
  readonly retryAfter?: number;
  /** Resolves when it may answer. */
  readonly gate?: Promise<unknown>;
}

/** What an LLM saw of one request. */
export interface Seen {
  readonly llm: string;
  readonly n: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string | null;
}

/** Bills 100 tokens for a prompt, 40 of them cached, and 10 for a candidate. */
export const PROMPT_TOKENS = 100;
export const CACHED_TOKENS = 40;
export const TOKENS_EACH = 10;

/** The first label of a host is the LLM's name: `https://cheap.example/v1`. */
export function fakeLlms(llms: Record<string, FakeLlm>) {
  const seen: Seen[] = [];
  const written = new Map<string, number>();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const llm = new URL(String(url)).hostname.split(".")[0] ?? "";
    const fake = llms[llm];
    if (fake === undefined) throw new TypeError("no such host");
    const body = JSON.parse(String(init?.body));
    const { n = 1 } = body;
    const authorization = new Headers(init?.headers).get("authorization");
    seen.push({ llm, n, body, authorization });
    const left = Promise.withResolvers<never>();
    init?.signal?.addEventListener("abort", () => left.reject(new DOMException("", "AbortError")));
    await Promise.race([fake.gate, left.promise]);
    if (fake.status !== undefined) {
      const wait = fake.retryAfter === undefined ? {} : { "retry-after": String(fake.retryAfter) };
      return Response.json({ error: { message: "no" } }, { status: fake.status, headers: wait });
    }
    const first = written.get(llm) ?? 0;
    written.set(llm, first + n);
    const answerAt = (at: number) => fake.says[Math.min(first + at, fake.says.length - 1)];
    const choices = Array.from({ length: n }, (_, index) => ({
      index,
      message: { role: "assistant", content: `Because. The answer is ${answerAt(index)}.` },
      finish_reason: "stop",
    }));
    const usage = {
      prompt_tokens: PROMPT_TOKENS,
      completion_tokens: TOKENS_EACH * n,
      prompt_tokens_details: { cached_tokens: CACHED_TOKENS },
    };
    return Response.json({ id: "c", object: "chat.completion", model: llm, choices, usage });
  });
  return { seen, asked: () => seen.map(({ llm, n }) => `${llm} x${n}`) };
}

/** The configuration of LLMs at such hosts, and of plans. */
export function configured(
  llms: Readonly<Record<string, object>>,
  plans: readonly object[],
  more: Readonly<Record<string, string>> = {},
) {
  const list = Object.entries(llms).map(([name, members]) => ({
    name,
    base_url: `https://${name}.example/v1`,
    model: `${name}-model`,
    ...members,
  }));
  return { LLMS: JSON.stringify(list), PLANS: JSON.stringify(plans), ...more };
}
