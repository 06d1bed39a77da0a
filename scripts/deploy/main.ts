/**
 * `npm run deploy`, under Node 22: looks at all that a deployment needs and says what is to be done, then does it in
 * order, then asks the Worker. What is there stays as it is, so a second run does nothing.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cloudflareAccount } from "../lib/cloudflareAccount.ts";
import { readDeployment } from "../lib/deployment.ts";
import { unsignedWarning } from "../lib/warnUnsigned.mjs";
import { wranglerIn } from "../lib/wranglerCli.ts";
import { adapterStep } from "./adapterStep.ts";
import { type DeployOptions, readOptions, usage } from "./options.ts";
import { askReady } from "./ready.ts";
import { secretSteps } from "./secretSteps.ts";
import type { State, Step } from "./step.ts";
import { storageSteps } from "./storageSteps.ts";
import { workerStep } from "./workerStep.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function planned(step: Step, loggedIn: boolean): State {
  return loggedIn ? step.look() : { kind: "yours", detail: step.otherwise };
}

/** @throws Error that names the step; what was made before it stays, and the next run goes on from there */
function made(what: string, make: () => string): string {
  try {
    return make();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const marks = { there: "there", missing: "to do", yours: "yours" } as const;

async function main(options: DeployOptions): Promise<number> {
  const wanted = readDeployment(root, options.env, options.vars);
  for (const fault of wanted.faults) say(`configuration  ${fault}`);
  const wrangler = wranglerIn(root);
  const account = cloudflareAccount(wrangler);
  const accounts = account.login();
  if (accounts === null && !options.dryRun) {
    throw new Error("wrangler is not logged in: npx wrangler login, or set CLOUDFLARE_API_TOKEN");
  }
  say(
    accounts === null
      ? "account        not logged in: nothing there was looked at"
      : `account        ${accounts.join(", ")}`,
  );

  const kept = join(root, ".wrangler", "deployed");
  const worker = workerStep(
    root,
    options,
    wanted,
    account,
    wrangler,
    join(kept, `${wanted.worker}.url`),
  );
  const file = join(kept, `${wanted.worker}.env`);
  const steps = [
    ...storageSteps(wanted, account, wrangler),
    adapterStep(root, wanted, account, wrangler),
    // Before the Worker: a change of a secret makes a version of its own, without the tag.
    ...secretSteps(wanted, account, wrangler, { environment: process.env, file }),
    worker.step,
  ];
  const plan = steps.map((step) => ({ step, state: planned(step, accounts !== null) }));
  say("\nPlan:");
  for (const { step, state } of plan) {
    const mark = accounts === null ? "" : marks[state.kind];
    say(`  ${mark.padEnd(5)}  ${step.what}: ${state.detail}`);
  }
  if (wanted.faults.length > 0) {
    throw new Error(
      "the Worker would refuse this configuration: mend it in wrangler.toml (docs/configuration.md), or by --var",
    );
  }
  if (options.dryRun) {
    say("\nNothing was changed (--dry-run).");
    return 0;
  }

  const missing = plan.flatMap(({ step, state }) =>
    state.kind === "missing" ? [{ what: step.what, make: state.make }] : [],
  );
  say(missing.length === 0 ? "\nNothing to do." : "\nDone:");
  for (const { what, make } of missing) say(`  ${what}: ${made(what, make)}`);

  const url = worker.url();
  const ready = url === null ? null : await askReady(url, options.waitMs);
  say(
    `\n${url ?? "The Worker's address is not known here"}: ${ready?.said ?? "look at its /readyz"}`,
  );
  say("Remains:");
  for (const { step, state } of plan) {
    if (state.kind === "yours") say(`  ${step.what}: ${state.detail}`);
  }
  say(
    "  an API key for whoever shall call: npm run keys -- create --tenant T --scopes answer --remote",
  );
  const unsigned = unsignedWarning("deploy", join(root, "wrangler.toml"));
  if (unsigned !== null && !wanted.signed) say(`  ${unsigned}`);
  return ready === null || ready.ready ? 0 : 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) say(usage);
  else process.exitCode = await main(options);
} catch (error) {
  process.stderr.write(
    `npm run deploy: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 1;
}
