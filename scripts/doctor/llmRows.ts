/** The LLM's rows as JSON on stdout: `node scripts/doctor/llmRows.ts`. Asks a handful of tiny questions. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Llm } from "../../src/worker/plans/llms.ts";
import { chooseLlm } from "../start/llm.ts";
import { type Findings, type Probe, probeLlm, type Target } from "./probeLlm.ts";

interface Row {
  readonly what: string;
  readonly state: "ok" | "missing" | "optional";
  readonly found: string;
  readonly fix?: string;
}

/** @returns a row for each question: what the server did, and what the service makes of it */
export function rowsOf({ name, baseUrl, model, apiKey }: Target, found: Findings): Row[] {
  const { plain } = found;
  const where = `${baseUrl}, ${apiKey === null ? "without a key" : "with a key"}`;
  if (plain.failure !== null) {
    const status = plain.status === null ? "" : ` (status ${plain.status})`;
    const fix = cures[plain.failure] ?? "look at the server's log";
    const what = name === undefined ? "LLM" : `LLM ${name}`;
    return [{ what, state: "missing", found: `${plain.failure}${status} at ${where}`, fix }];
  }
  const ok = (what: string, text: string, does: string): Row => ({
    ...{ what, state: "ok", found: text, fix: does },
  });
  return [
    ok(name === undefined ? "LLM" : `LLM ${name}`, where, "asked"),
    ok("model", model, "asked for"),
    ok(
      "streaming",
      plain.form === "events" ? "events" : "one JSON text",
      plain.form === "events" ? "candidates are scored as they come" : "read all the same",
    ),
    ok(
      "first token",
      plain.firstMs === null ? "no text came" : `after ${Math.round(plain.firstMs)} ms`,
      `LLM_DEADLINE_MS bounds all of it`,
    ),
    ok(
      "several at once (n)",
      together(found.several),
      found.several.choices > 1
        ? "one call for K candidates: the prompt is billed once"
        : "K calls, five at a time: the prompt is billed K times",
    ),
    ...(found.greedy === null
      ? []
      : [
          ok(
            "n at temperature 0",
            together(found.greedy),
            found.greedy.choices > 1 ? "one call" : "single calls, for this temperature alone",
          ),
        ]),
    ok(
      "usage",
      plain.usage ? "told" : "not told",
      plain.usage
        ? "counted as it is told"
        : "counted as 0 tokens; requests and candidates are counted",
    ),
    ok(
      "token limit",
      `${found.tokenLimit}${found.cut === null ? "" : found.cut.cut ? ", said to be reached" : ", not said to be reached"}`,
      "cut candidates are marked, where the server says so",
    ),
    thinking(plain, model),
    ...(found.logprobs === null
      ? []
      : [ok("logprobs", found.logprobs.logprobs ? "told" : "not told", "not used")]),
  ];
}

/** The findings in one line, for `npm start`. */
export function summaryOf(target: Target, found: Findings): string {
  const { plain, several } = found;
  const who = target.name === undefined ? "The LLM" : `The LLM ${target.name}`;
  if (plain.failure !== null) {
    const [row] = rowsOf(target, found);
    return `${who} does not answer: ${row?.found}. ${row?.fix}`;
  }
  const parts = [
    plain.form === "events" ? "streams" : "does not stream",
    several.choices > 1 ? "takes n" : "takes no n (one call for each candidate)",
    plain.usage ? "tells usage" : "tells no usage",
    plain.thinking === null ? "no thinking seen" : `thinks ${plain.thinking} (taken out)`,
    plain.firstMs === null ? "no text" : `first token after ${Math.round(plain.firstMs)} ms`,
  ];
  return `${who}: ${parts.join(", ")}. More: npm run doctor -- --llm`;
}

/** What is asked of an LLM. */
export function targetOf({ name, baseUrl, model, apiKey }: Llm): Target {
  return { name, baseUrl, model, apiKey };
}

function together({ choices, failure }: Probe): string {
  if (failure !== null) return `refused (${failure})`;
  return choices > 1 ? "taken" : "ignored: one choice came";
}

function thinking({ thinking: how }: Probe, model: string): Row {
  const what = "thinking";
  if (how === null) return { what, state: "ok", found: "none seen", fix: "nothing" };
  const more = `it is taken out; leave room for it: MODEL_DEFAULTS={"${model}": {"max_tokens": 8192}}`;
  return { what, state: "ok", found: how, fix: more };
}

const cures: Readonly<Record<string, string>> = {
  refused_connection:
    "start the server, or mend LLM_BASE_URL (it ends in /v1 where the server's does)",
  timeout: "the server took a minute for one word: a smaller model, or more hardware",
  unauthorized: "set LLM_API_KEY, or the secret that its `key` in LLMS names",
  unknown_model: "name a model that the server has in LLM_MODEL",
  rate_limited: "wait, or raise the limit at the provider",
  quota: "the provider's account has no quota or credit left",
  malformed: "LLM_BASE_URL is no chat-completions API (does it lack /v1?)",
  bad_request: "look at the server's log; is LLM_BASE_URL an OpenAI-compatible endpoint (/v1)?",
};

/** The rows of each LLM, one after another. */
async function rowsOfAll(llms: readonly Llm[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const llm of llms) {
    const target = targetOf(llm);
    rows.push(...rowsOf(target, await probeLlm(target)));
  }
  return rows;
}

if (import.meta.main) {
  try {
    const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
    const choice = chooseLlm(root, process.env, "");
    const rows: Row[] =
      choice.kind === "replayed"
        ? [
            {
              ...{ what: "LLM", state: "optional", found: "none is configured" },
              fix: "copy .dev.vars.example to .dev.vars, or set LLM_BASE_URL and LLM_MODEL",
            },
          ]
        : await rowsOfAll(choice.llms);
    process.stdout.write(`${JSON.stringify(rows)}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
