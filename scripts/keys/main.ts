/** `npm run keys`, under Node 22: makes, lists and revokes API keys. Results on stdout, all else on stderr. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type KeyStore, kvKeyStore, revokeKey } from "../../src/worker/access/keyStore.ts";
import { type KeyRecord, makeKey, shownKey } from "../../src/worker/access/keys.ts";
import { wranglerIn } from "../lib/wranglerCli.ts";
import { localKeyValues } from "./local.ts";
import { type Command, type KeysOptions, readOptions, usage } from "./options.ts";
import { remoteKeyValues } from "./remote.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function describe(record: KeyRecord): string {
  const { id, tenant, scopes, adapters, quota, created, revoked } = record;
  const state = revoked === null ? "valid" : `revoked ${revoked}`;
  const { llms, forbid_llms, spend_day, spend_month } = shownKey(record);
  const limits = [
    adapters?.join(",") ?? "all adapters",
    `${quota ?? "no"} quota`,
    ...(llms === null ? [] : [`only ${llms.join(",")}`]),
    ...(forbid_llms.length === 0 ? [] : [`never ${forbid_llms.join(",")}`]),
    ...(spend_day === null ? [] : [`${spend_day} a day`]),
    ...(spend_month === null ? [] : [`${spend_month} a month`]),
  ].join("  ");
  return `${id}  ${tenant}  ${scopes.join(",")}  ${limits}  made ${created}  ${state}`;
}

async function run(command: Command, store: KeyStore, json: boolean): Promise<string> {
  switch (command.kind) {
    case "create": {
      const { key, record } = await makeKey(command.wish, new Date());
      await store.put(record);
      if (json) return JSON.stringify({ key, ...shownKey(record) });
      process.stderr.write(`${describe(record)}\nShown this once, kept nowhere:\n`);
      return key;
    }
    case "list": {
      const records = await store.list();
      return json ? JSON.stringify(records.map(shownKey)) : records.map(describe).join("\n");
    }
    case "revoke": {
      const record = await revokeKey(store, command.id, new Date());
      if (record === null) throw new Error("there is no such key");
      return json
        ? JSON.stringify(shownKey(record))
        : `${describe(record)}  (everywhere within 60 s)`;
    }
    case "help":
      return usage;
  }
}

async function main({ command, remote, env, json, persistTo }: KeysOptions): Promise<string> {
  if (command.kind === "help") return usage;
  if (remote) return run(command, kvKeyStore(remoteKeyValues(wranglerIn(root), env)), json);
  const { values, close } = await localKeyValues(root, persistTo);
  try {
    return await run(command, kvKeyStore(values), json);
  } finally {
    await close();
  }
}

try {
  process.stdout.write(`${await main(readOptions(process.argv.slice(2)))}\n`);
} catch (error) {
  process.stderr.write(`npm run keys: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
