/** `npm run deploy` on a copy of the repository, against a played account and a Worker that answers /readyz as told. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import {
  type Ended,
  type PlayedAccount,
  playedAccount,
  remove,
  repositoryCopy,
  runScript,
} from "./playedAccount.ts";

export const KEY = "sk-of-nobody-0123456789";
export const endpoint = [
  "--var",
  "LLM_BASE_URL:https://llm.example/v1",
  "--var",
  "LLM_MODEL:some-model",
];

/** The version of the bundle that is deployed. */
export const VERSION: string = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "..", "models", "mini", "manifest.json"), "utf8"),
).version;

export interface PlayedDeployment {
  /** Empty at the beginning of each test. */
  readonly account: PlayedAccount;
  readonly copy: string;
  /** Where the deployed Worker answers, and what. */
  readonly url: string;
  answers: { status: number; body: unknown };
  readonly deploy: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Ended>;
  /** An object of the account's R2. */
  readonly stored: (path: string) => Buffer;
}

/** For one test file: registers what begins and ends it. */
export function playedDeployment(): PlayedDeployment {
  let account: PlayedAccount;
  let copy: string;
  let worker: Server;
  let url: string;
  const played: PlayedDeployment = {
    get account() {
      return account;
    },
    get copy() {
      return copy;
    },
    get url() {
      return url;
    },
    answers: { status: 200, body: {} },
    deploy(args, env = {}) {
      const { LLM_API_KEY: _, ...own } = process.env;
      const all = { ...own, ...account.env, PLAYED_URL: url, ...env };
      return runScript(copy, "scripts/deploy/main.ts", args, all);
    },
    stored: (path) => readFileSync(join(account.folder, "objects", path)),
  };

  beforeAll(async () => {
    copy = repositoryCopy();
    worker = createServer((_, response) => {
      response.writeHead(played.answers.status).end(JSON.stringify(played.answers.body));
    });
    await new Promise<void>((resolve) => worker.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    account = playedAccount();
    const body = { status: "ready", adapter: { name: "mini", version: "1" } };
    played.answers = { status: 200, body };
  });
  afterEach(() => remove(account.folder, join(copy, ".wrangler")));
  afterAll(() => {
    worker.close();
    remove(copy);
  });
  return played;
}
