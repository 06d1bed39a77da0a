/** The Worker itself. Its version is tagged with a hash of what it was made from, so that equal ones are not made twice. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Account } from "../lib/cloudflareAccount.ts";
import type { Deployment } from "../lib/deployment.ts";
import type { Wrangler } from "../lib/wranglerCli.ts";
import type { DeployOptions } from "./options.ts";
import { run } from "./run.ts";
import type { Step } from "./step.ts";

const madeFrom = ["src", "examples/recorded", "scripts/build-pages.mjs", "package-lock.json"];
const Output = z.object({ type: z.literal("deploy"), targets: z.array(z.string()).nullish() });

export interface WorkerStep {
  readonly step: Step;
  /** Where it answers; null: not known here. */
  readonly url: () => string | null;
}

/** @param file where the last deployment's address is remembered */
export function workerStep(
  root: string,
  options: DeployOptions,
  wanted: Deployment,
  account: Account,
  wrangler: Wrangler,
  file: string,
): WorkerStep {
  const tag = tagOf(root, options);
  const args = ["deploy", "--env", options.env, "--tag", tag];
  for (const domain of options.domains) args.push("--domain", domain);
  for (const [name, value] of Object.entries(options.vars)) args.push("--var", `${name}:${value}`);

  function make(): string {
    const folder = mkdtempSync(join(tmpdir(), "medadapter-deploy-"));
    try {
      const output = join(folder, "output.ndjson");
      run(wrangler, args, { env: { WRANGLER_OUTPUT_FILE_PATH: output } });
      const [domain] = [...options.domains, ...wanted.domains];
      const url = domain === undefined ? firstUrl(output) : `https://${domain}`;
      if (url === null) return "deployed";
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, url);
      return `deployed to ${url}`;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  return {
    step: {
      what: `Worker ${wanted.worker}`,
      otherwise: "deployed where another version serves",
      look: () =>
        account.tag(wanted.worker) === tag
          ? { kind: "there", detail: `this very version serves (tag ${tag})` }
          : { kind: "missing", detail: `to be deployed (tag ${tag})`, make },
    },
    url: () => (existsSync(file) ? readFileSync(file, "utf8") : null),
  };
}

/** A hash of all that is bundled, of the configuration and of what was asked for. */
function tagOf(root: string, { env, domains, vars }: DeployOptions): string {
  const hash = createHash("sha256").update(JSON.stringify([env, domains, vars]));
  // wrangler writes ids of what it made into the file: they are no change of ours.
  const config = readFileSync(join(root, "wrangler.toml"), "utf8");
  hash.update(config.replace(/^\s*id = .*\n/gm, ""));
  for (const part of madeFrom) {
    for (const path of filesIn(root, part))
      hash.update(path).update(readFileSync(join(root, path)));
  }
  return hash.digest("hex").slice(0, 16);
}

function filesIn(root: string, path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => filesIn(root, `${path}/${name}`));
}

/** wrangler says in a file where what it deployed answers. */
function firstUrl(output: string): string | null {
  if (!existsSync(output)) return null;
  for (const line of readFileSync(output, "utf8").split("\n").filter(Boolean)) {
    const said = Output.safeParse(JSON.parse(line));
    const url = said.data?.targets?.find((target) =>
      URL.parse(target)?.protocol.startsWith("http"),
    );
    if (url !== undefined) return url;
  }
  return null;
}
