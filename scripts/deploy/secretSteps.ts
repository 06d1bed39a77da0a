/** The Worker's secrets: handed to wrangler on its stdin, never printed and never on a command line. */
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Account } from "../lib/cloudflareAccount.ts";
import type { Deployment } from "../lib/deployment.ts";
import type { Wrangler } from "../lib/wranglerCli.ts";
import { run } from "./run.ts";
import type { State, Step } from "./step.ts";

interface Source {
  readonly environment: NodeJS.ProcessEnv;
  /** Where those made up here are kept: Cloudflare shows nobody a secret again. */
  readonly file: string;
}

export function secretSteps(
  wanted: Deployment,
  account: Account,
  wrangler: Wrangler,
  source: Source,
): Step[] {
  // One look for all of them; none before somebody asks.
  let names: readonly string[] | null = null;
  const has = (name: string) => {
    names ??= account.secrets(wanted.worker) ?? [];
    return names.includes(name);
  };
  const put = (name: string, value: string) =>
    run(wrangler, ["secret", "put", name, "--name", wanted.worker], { stdin: value });

  const step = (name: string, otherwise: string, whereUnset: (name: string) => State): Step => ({
    what: `secret ${name}`,
    otherwise,
    look() {
      if (has(name)) return { kind: "there", detail: "set" };
      const value = source.environment[name];
      if (!value) return whereUnset(name);
      return {
        kind: "missing",
        detail: "to be set from the environment",
        make: () => {
          put(name, value);
          return "set from the environment";
        },
      };
    },
  });
  const madeUp = (name: string): State => ({
    kind: "missing",
    detail: "to be made up and set",
    make: () => {
      const value = randomBytes(32).toString("base64url");
      // Before it is in force: a value that is nowhere else must not be lost.
      mkdirSync(dirname(source.file), { recursive: true });
      appendFileSync(source.file, `${name}=${value}\n`, { mode: 0o600 });
      put(name, value);
      return `made up and set; kept in ${source.file}`;
    },
  });
  const asked = (name: string): State => ({
    kind: "yours",
    detail: `not set. If the server wants a key: ${name}=... in the environment, and this command again`,
  });
  return [
    step("CONTENT_SECRET", "from the environment or made up, where it is not set", madeUp),
    step("ADMIN_TOKEN", "from the environment or made up, where it is not set", madeUp),
    ...wanted.llmSecrets.map((name) =>
      step(name, "from the environment, where it is not set", asked),
    ),
    ...(wanted.asksEndpoint
      ? [step("LLM_API_KEY", "from the environment, where it is not set", asked)]
      : []),
    ...(wanted.asksReranker
      ? [step("RERANK_API_KEY", "from the environment, where it is not set", asked)]
      : []),
  ];
}
