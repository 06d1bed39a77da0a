/** wrangler.toml's queues: batches ask a bounded number of lines at once, and a line may wait for as long as queues let it. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";

const config = join(import.meta.dirname, "..", "..", "..", "wrangler.toml");

it.each([undefined, "workers-ai"])("environment %s bounds and tries alike", (env) => {
  const read = unstable_readConfig({ config, ...(env === undefined ? {} : { env }) });
  const bound = { max_concurrency: 10, max_retries: 100 };
  expect(read.queues.consumers).toMatchObject([
    { dead_letter_queue: expect.stringMatching(/-dead$/), ...bound },
    { queue: expect.stringMatching(/-dead$/), ...bound },
  ]);
});
