/** What a Cloudflare account has of what the Worker needs, as wrangler tells it. Only reads. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Ran, Wrangler } from "./wranglerCli.ts";

/** wrangler failed for another reason than that the thing is not there. */
export class AccountError extends Error {}

export interface Account {
  /** Names of the accounts that this login reaches; null: not logged in. */
  login(): readonly string[] | null;
  hasBucket(name: string, jurisdiction: string | null): boolean;
  hasQueue(name: string): boolean;
  /** Titles of all KV namespaces. */
  namespaces(): readonly string[];
  /** Null: there is no such Worker yet. */
  secrets(worker: string): readonly string[] | null;
  object(bucket: string, key: string, jurisdiction: string | null): Buffer | null;
  /** Tag of the version that serves; null: no Worker, or a version without one. */
  tag(worker: string): string | null;
}

const Who = z.object({
  loggedIn: z.boolean(),
  accounts: z.array(z.object({ name: z.string() })).optional(),
});
const Named = z.array(z.object({ name: z.string() }));
const Titled = z.array(z.object({ title: z.string() }));
const Deployment = z.object({ versions: z.array(z.object({ version_id: z.string() })) });
const Version = z.object({ annotations: z.record(z.string(), z.string()).optional() });

/** How wrangler 4 says that something is not there (read in its source). */
const ABSENT = /does not exist|not found|has no deployments|\[code: (10006|10007)\]/i;

/** `jurisdiction` as wrangler's options want it. */
export const inJurisdiction = (jurisdiction: string | null): string[] =>
  jurisdiction === null ? [] : ["--jurisdiction", jurisdiction];

export function cloudflareAccount(wrangler: Wrangler): Account {
  return {
    login() {
      const { stdout, ok, fault } = wrangler(["whoami", "--json"]);
      const who = json(Who, stdout);
      if (who === null) throw new AccountError(`wrangler whoami: ${fault}`);
      return ok && who.loggedIn ? (who.accounts ?? []).map(({ name }) => name) : null;
    },
    hasBucket: (name, jurisdiction) =>
      found(wrangler(["r2", "bucket", "info", name, ...inJurisdiction(jurisdiction), "--json"])),
    hasQueue: (name) => found(wrangler(["queues", "info", name])),
    namespaces: () =>
      parsed(Titled, wrangler(["kv", "namespace", "list"])).map(({ title }) => title),
    secrets(worker) {
      const run = wrangler(["secret", "list", "--name", worker, "--format", "json"]);
      return found(run) ? parsed(Named, run).map(({ name }) => name) : null;
    },
    object(bucket, key, jurisdiction) {
      const folder = mkdtempSync(join(tmpdir(), "medadapter-object-"));
      try {
        const file = join(folder, "object");
        const where = ["--remote", ...inJurisdiction(jurisdiction)];
        const run = wrangler(["r2", "object", "get", `${bucket}/${key}`, "--file", file, ...where]);
        return found(run) ? readFileSync(file) : null;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    tag(worker) {
      const status = wrangler(["deployments", "status", "--name", worker, "--json"]);
      if (!found(status)) return null;
      const [version, ...more] = parsed(Deployment, status).versions;
      // A gradual deployment: neither version is what serves.
      if (version === undefined || more.length > 0) return null;
      const view = wrangler(["versions", "view", version.version_id, "--name", worker, "--json"]);
      return parsed(Version, view).annotations?.["workers/tag"] ?? null;
    },
  };
}

function found(run: Ran): boolean {
  if (run.ok) return true;
  if (ABSENT.test(run.fault)) return false;
  throw new AccountError(run.fault);
}

function json<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function parsed<T>(schema: z.ZodType<T>, run: Ran): T {
  const value = run.ok ? json(schema, run.stdout) : null;
  if (value === null) throw new AccountError(run.fault || "wrangler gave what cannot be read");
  return value;
}
