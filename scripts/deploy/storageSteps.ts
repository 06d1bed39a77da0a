/** R2 buckets and queues. KV namespaces and Durable Objects are made by wrangler with the Worker. */
import { type Account, inJurisdiction } from "../lib/cloudflareAccount.ts";
import type { Deployment } from "../lib/deployment.ts";
import type { Wrangler } from "../lib/wranglerCli.ts";
import { run } from "./run.ts";
import type { Step } from "./step.ts";

export function storageSteps(wanted: Deployment, account: Account, wrangler: Wrangler): Step[] {
  const buckets = wanted.buckets.map(({ name, jurisdiction }): Step => {
    const place = jurisdiction === null ? "" : ` (jurisdiction ${jurisdiction})`;
    return {
      what: `R2 bucket ${name}${place}`,
      otherwise: "made where it is missing",
      look: () =>
        account.hasBucket(name, jurisdiction)
          ? { kind: "there", detail: "there" }
          : {
              kind: "missing",
              detail: "to be made",
              make: () => {
                run(wrangler, ["r2", "bucket", "create", name, ...inJurisdiction(jurisdiction)]);
                return "made";
              },
            },
    };
  });
  const queues = wanted.queues.map(
    (name): Step => ({
      what: `queue ${name}`,
      otherwise: "made where it is missing",
      look: () =>
        account.hasQueue(name)
          ? { kind: "there", detail: "there" }
          : {
              kind: "missing",
              detail: "to be made",
              make: () => {
                run(wrangler, ["queues", "create", name]);
                return "made";
              },
            },
    }),
  );
  return [...buckets, ...queues];
}
