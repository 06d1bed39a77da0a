/**
 * What the local Worker has beside wrangler.toml: .dev.vars, the LLM's key, a secret to keep content with, made once; and
 * that no API key is asked for, unless .dev.vars says otherwise.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { LlmChoice } from "./llm.ts";

/**
 * Writes the file that wrangler reads in place of .dev.vars; to be deleted once it has.
 * @param state folder of local state, which the secret for content outlives this run in
 * @returns the file's path
 */
export function writeSecrets(root: string, state: string, { apiKey }: LlmChoice): string {
  const devVars = join(root, ".dev.vars");
  const given = existsSync(devVars) ? parseEnv(readFileSync(devVars, "utf8")) : {};
  const secrets = {
    CONTENT_SECRET: contentSecret(join(root, state, "content-secret")),
    OPEN_ON_LOCALHOST: "true",
    ...given,
    ...(apiKey === null ? {} : { LLM_API_KEY: apiKey }),
  };
  const file = join(root, state, "secrets.env");
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${quoted(value)}\n`);
  writeFileSync(file, lines.join(""), { mode: 0o600 });
  return file;
}

/** As dotenv reads it: what stands between quotes is taken as it is, JSON too. */
function quoted(value: string): string {
  const quote = ["'", '"', "`"].find((mark) => !value.includes(mark));
  if (quote === undefined) throw new Error("a value of .dev.vars has all three kinds of quotes");
  return `${quote}${value}${quote}`;
}

function contentSecret(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}
