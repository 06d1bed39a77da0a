/**
 * Asks an LLM a handful of tiny questions, and tells what its server does with them. The replies are read by the
 * service's own reader, so what is told here is what the service will see. Keeps no text of the LLM.
 */
import type { GenerateFailure } from "../../src/llm/generator.ts";
import { Choices } from "../../src/llm/openai/choices.ts";
import { readChunk } from "../../src/llm/openai/chunk.ts";
import { ValueReader } from "../../src/llm/openai/events.ts";
import { errorOf, failureOf, reportedFailure } from "../../src/llm/openai/failure.ts";
import { type RefusedParameter, refusalOf } from "../../src/llm/openai/refusal.ts";
import { parseJson } from "../../src/net/response.ts";
import { withoutThinking } from "../../src/tasks/thinking.ts";

export interface Target {
  /** As the configuration names it. */
  readonly name?: string;
  /** Ends in `/v1` where the server's does. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | null;
}

/** What one tiny question showed. */
export interface Probe {
  readonly status: number | null;
  readonly failure: GenerateFailure | null;
  readonly refused: RefusedParameter | null;
  readonly form: "events" | "json" | null;
  readonly choices: number;
  readonly cut: boolean;
  readonly usage: boolean;
  readonly logprobs: boolean;
  /** How the thinking came; null: there was none. */
  readonly thinking: "a member of its own" | "in the text" | null;
  /** Milliseconds to the first text or thought; null: none came. */
  readonly firstMs: number | null;
  readonly totalMs: number;
}

const WAIT_MS = 60_000;
const MESSAGES = [{ role: "user", content: "Is the sun a star? Answer yes or no." }];

/** Sends one chat completion with these parameters beside model and messages. Never throws. */
export async function ask(
  { baseUrl, model, apiKey }: Target,
  parameters: Readonly<Record<string, unknown>>,
): Promise<Probe> {
  const began = performance.now();
  const seen = { ...nothing };
  try {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({ model, messages: MESSAGES, ...parameters }),
      redirect: "manual",
      signal: AbortSignal.timeout(WAIT_MS),
    });
    seen.status = response.status;
    if (response.ok) await read(response, Number(parameters.n ?? 1), began, seen);
    else {
      const text = await response.text();
      const error = errorOf(parseJson(text) ?? text);
      const failure = failureOf(response.status, error);
      seen.failure = failure.reason;
      seen.refused = refusalOf(failure, error)?.parameter ?? null;
    }
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    seen.failure ??= late ? "timeout" : "refused_connection";
  }
  return { ...seen, totalMs: performance.now() - began };
}

const nothing = {
  status: null as number | null,
  failure: null as GenerateFailure | null,
  refused: null as RefusedParameter | null,
  form: null as Probe["form"],
  choices: 0,
  cut: false,
  usage: false,
  logprobs: false,
  thinking: null as Probe["thinking"],
  firstMs: null as number | null,
};

async function read(
  { body }: Response,
  n: number,
  began: number,
  seen: typeof nothing,
): Promise<void> {
  const reader = new ValueReader();
  const choices = new Choices(n);
  let raw = "";
  const take = (values: ReturnType<ValueReader["read"]>) => {
    for (const { value } of values) {
      const chunk = readChunk(value);
      if (chunk === null) {
        seen.failure ??= "malformed";
        continue;
      }
      if (chunk.error !== null) seen.failure ??= reportedFailure(chunk.error).reason;
      if (chunk.usage !== null && Object.keys(chunk.usage).length > 0) seen.usage = true;
      if (JSON.stringify(value).includes('"logprobs":{')) seen.logprobs = true;
      for (const part of chunk.parts) {
        if (part.thought) seen.thinking = "a member of its own";
        if (part.end === "length") seen.cut = true;
        if (part.index === 0) raw += part.content;
        if (part.thought || part.content !== "") seen.firstMs ??= performance.now() - began;
      }
      choices.add(chunk);
    }
  };
  for await (const piece of body ?? []) take(reader.read(piece));
  take(reader.end());
  seen.form = reader.isJson ? "json" : "events";
  seen.choices = choices.seen;
  if (reader.fault !== null) seen.failure ??= "malformed";
  else if (choices.seen === 0) seen.failure ??= "no_choices";
  if (withoutThinking(raw).thinking !== "none") seen.thinking ??= "in the text";
}

/** What a server does, as far as tiny questions show it. */
export interface Findings {
  readonly plain: Probe;
  /** The token limit's name, where the plain question could be asked. */
  readonly tokenLimit: "max_tokens" | "max_completion_tokens";
  readonly several: Probe;
  readonly greedy: Probe | null;
  readonly cut: Probe | null;
  readonly logprobs: Probe | null;
}

/**
 * The questions, one after another.
 * @param brief the first two only
 */
export async function probeLlm(target: Target, { brief = false } = {}): Promise<Findings> {
  const ofStream = { stream: true, stream_options: { include_usage: true } };
  let limit = "max_tokens" as Findings["tokenLimit"];
  const dropped = new Set<string>();
  const parametersOf = (tokens: number, more: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries({ ...ofStream, temperature: 0.7, [limit]: tokens, ...more }).filter(
        ([name]) => !dropped.has(name),
      ),
    );
  let plain = await ask(target, parametersOf(64, {}));
  // As the service does: what is refused is put otherwise, or left out.
  for (let tries = 0; tries < 4 && plain.refused !== null; tries += 1) {
    if (plain.refused === "max_tokens") limit = "max_completion_tokens";
    else if (plain.refused === "n") break;
    else if (plain.refused === "stream")
      for (const name of Object.keys(ofStream)) dropped.add(name);
    else dropped.add(plain.refused);
    plain = await ask(target, parametersOf(64, {}));
  }
  const found = { plain, tokenLimit: limit };
  const several = plain.failure === null ? await ask(target, parametersOf(16, { n: 2 })) : plain;
  if (brief || plain.failure !== null) {
    return { ...found, several, greedy: null, cut: null, logprobs: null };
  }
  return {
    ...found,
    several,
    greedy: await ask(target, parametersOf(16, { n: 2, temperature: 0 })),
    cut: await ask(target, parametersOf(1, {})),
    logprobs: await ask(target, parametersOf(4, { logprobs: true, top_logprobs: 2 })),
  };
}
