/** The account's rows as JSON on stdout: `node scripts/doctor/accountRows.ts ENV`. Reads, changes nothing. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Account, cloudflareAccount } from "../lib/cloudflareAccount.ts";
import { type Deployment, readDeployment } from "../lib/deployment.ts";
import { wranglerIn } from "../lib/wranglerCli.ts";

interface Row {
  readonly what: string;
  readonly state: "ok" | "missing" | "optional";
  readonly found: string;
  readonly fix?: string;
}

function rowsOf(account: Account, wanted: Deployment, deploy: string): Row[] {
  const faults = wanted.faults.map(
    (fault): Row => ({
      what: "configuration",
      state: "missing",
      found: fault,
      fix: "wrangler.toml, [vars] (docs/configuration.md)",
    }),
  );
  const accounts = account.login();
  if (accounts === null) {
    const fix = "npx wrangler login, or set CLOUDFLARE_API_TOKEN";
    return [...faults, { what: "wrangler login", state: "missing", found: "not logged in", fix }];
  }
  const there = (what: string, is: boolean): Row =>
    is
      ? { what, state: "ok", found: "there" }
      : { what, state: "missing", found: "not there", fix: deploy };
  return [
    ...faults,
    { what: "wrangler login", state: "ok", found: accounts.join(", ") },
    ...wanted.buckets.map(({ name, jurisdiction }) =>
      there(`R2 bucket ${name}`, account.hasBucket(name, jurisdiction)),
    ),
    ...wanted.queues.map((name) => there(`queue ${name}`, account.hasQueue(name))),
    ...namespaceRows(account, wanted, deploy),
    ...secretRows(account.secrets(wanted.worker), wanted, deploy),
    domainRow(wanted),
  ];
}

/** wrangler names a namespace that it made after the Worker and the binding. */
function namespaceRows(account: Account, wanted: Deployment, deploy: string): Row[] {
  const titles = account.namespaces().map((title) => title.toUpperCase());
  return wanted.namespaces.map((binding): Row => {
    const what = `KV namespace ${binding}`;
    const there = titles.some((title) => title.endsWith(binding));
    return there
      ? { what, state: "ok", found: "one of that name" }
      : { what, state: "missing", found: "not there", fix: `${deploy} (wrangler makes it)` };
  });
}

function secretRows(names: readonly string[] | null, wanted: Deployment, deploy: string): Row[] {
  const what = `Worker ${wanted.worker}`;
  if (names === null) return [{ what, state: "missing", found: "not there", fix: deploy }];
  const asked = [
    ...["CONTENT_SECRET", "ADMIN_TOKEN"],
    ...wanted.llmSecrets,
    ...(wanted.asksEndpoint ? ["LLM_API_KEY"] : []),
    ...(wanted.asksReranker ? ["RERANK_API_KEY"] : []),
  ];
  const rows = asked.map((name): Row => {
    if (names.includes(name)) return { what: `secret ${name}`, state: "ok", found: "set" };
    const optional = name.endsWith("_API_KEY");
    return {
      what: `secret ${name}`,
      state: optional ? "optional" : "missing",
      found: optional ? "not set; fine where the server wants none" : "not set",
      fix: `npx wrangler secret put ${name} --name ${wanted.worker}`,
    };
  });
  return [{ what, state: "ok", found: "there" }, ...rows];
}

function domainRow({ domains }: Deployment): Row {
  if (domains.length > 0) return { what: "domain", state: "ok", found: domains.join(", ") };
  const fix = "routes in wrangler.toml (docs/getting-started.md)";
  return { what: "domain", state: "optional", found: "workers.dev only", fix };
}

try {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  const env = process.argv[2] ?? "";
  const deploy = env === "" ? "npm run deploy" : `npm run deploy -- --env ${env}`;
  const rows = rowsOf(cloudflareAccount(wranglerIn(root)), readDeployment(root, env), deploy);
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
