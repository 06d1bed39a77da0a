/** `npm start`, under Node 22: start everything, ask one question over HTTP, show the answer, serve until Ctrl-C. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { summaryOf, targetOf } from "../doctor/llmRows.ts";
import { probeLlm } from "../doctor/probeLlm.ts";
import { freePort, tryPort } from "../lib/ports.ts";
import { stopAll } from "../lib/processes.ts";
import { readOptions, type StartOptions, usage } from "./options.ts";
import { type AnswerBody, report } from "./report.ts";
import { type Stack, startStack } from "./stack.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function workerPort(options: StartOptions): Promise<number> {
  if (options.port === null) return freePort(8787);
  if ((await tryPort(options.port)) === null) {
    throw new Error(
      `port ${options.port} is in use: stop what uses it or name another with --port`,
    );
  }
  return options.port;
}

/** A path the user named, from where npm was called; the defaults are named from the repository's root. */
function userPath(path: string): string {
  const called = resolve(process.env.INIT_CWD ?? process.cwd(), path);
  return existsSync(called) ? called : resolve(root, path);
}

function readQuestion(file: string): { body: string; question: string } {
  const text = readFileSync(userPath(file), "utf8");
  const parsed: unknown = JSON.parse(text);
  const question =
    typeof parsed === "object" && parsed !== null && "question" in parsed
      ? String(parsed.question)
      : "";
  return { body: text, question };
}

async function ask(stack: Stack, body: string): Promise<AnswerBody> {
  const response = await fetch(`${stack.url}/v1/answer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const answer: unknown = await response.json();
  if (!response.ok) {
    const detail = (answer as { detail?: unknown }).detail;
    throw new Error(
      `the service answered ${response.status}: ${typeof detail === "string" ? detail : "no detail"}`,
    );
  }
  return answer as AnswerBody;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    say(usage);
    return 0;
  }
  const { body, question } = readQuestion(options.question);
  const interrupted = new Promise<"interrupted">((done) => {
    // Not `once`: wrangler's signal-exit ends the process on the spot where it finds no listener left but its own.
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(name, () => done("interrupted"));
  });
  const work = (async () => {
    const stack = await startStack(root, userPath(options.bundle), await workerPort(options), say);
    for (const llm of stack.llm.llms) {
      const target = targetOf(llm);
      say(summaryOf(target, await probeLlm(target, { brief: true })));
    }
    say("Asking the sample question ...");
    return { stack, answer: await ask(stack, body) };
  })();
  const outcome = await Promise.race([work, interrupted]);
  if (outcome === "interrupted") {
    work.catch(() => {});
    return 130;
  }
  const { stack, answer } = outcome;
  if (options.json) process.stdout.write(`${JSON.stringify({ ...answer, llm: stack.llm.kind })}\n`);
  else process.stdout.write(`${report(question, answer, stack.llm)}\n`);
  if (options.once) return 0;
  say(`
Serving on ${stack.url} until Ctrl-C. Go on with:
  curl -s ${stack.url}/v1/answer -H 'content-type: application/json' -d @${options.question}
Playground: ${stack.url}/   API: ${stack.url}/docs/   health: ${stack.url}/readyz   more questions: examples/questions, examples/recorded`);
  await interrupted;
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`npm start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
process.exit();
