#!/usr/bin/env node
/**
 * Plays wrangler and the account behind it, as the real one cannot be reached from a test: commands, words and JSON as
 * in wrangler 4's source. Its state, and every call with its stdin, lie in the folder PLAYED_ACCOUNT.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const folder = process.env.PLAYED_ACCOUNT;
const stateFile = join(folder, "state.json");
const state = existsSync(stateFile)
  ? JSON.parse(readFileSync(stateFile, "utf8"))
  : { buckets: [], queues: [], namespaces: [], secrets: {}, tags: {}, loggedIn: true, fail: null };

const args = process.argv.slice(2);
const stdin = readFileSync(0, "utf8");
appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify({ args, stdin })}\n`);

state.values ??= {};

const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const place = (bucket) => `${bucket}@${option("--jurisdiction") ?? ""}`;
/** Keys and values of the KV namespace behind a binding; a Worker that was never deployed has none. */
const namespace = () => {
  const worker = workerOf(option("--env"));
  if (!state.tags[worker])
    fail(`No KV namespace ID found for binding "${option("--binding")}" in "${worker}".`);
  state.values[worker] ??= {};
  return state.values[worker];
};
const workerOf = (env) => (env ? `medadapter-edge-${env}` : "medadapter-edge");
const objectFile = (path) => {
  const [bucket, ...key] = path.split("/");
  return join(folder, "objects", place(bucket), ...key);
};

function fail(message) {
  process.stderr.write(`▲ [WARNING] Multiple environments are defined.\n\n✘ [ERROR] ${message}\n`);
  process.exit(1);
}

const commands = {
  "whoami --json": () => {
    const accounts = [{ name: "Clinic", id: "0" }];
    console.log(
      JSON.stringify(state.loggedIn ? { loggedIn: true, accounts } : { loggedIn: false }),
    );
    if (!state.loggedIn) process.exit(1);
  },
  "r2 bucket info": ([name]) => {
    if (!state.buckets.includes(place(name)))
      fail("The specified bucket does not exist. [code: 10006]");
    console.log("{}");
  },
  "r2 bucket create": ([name]) => state.buckets.push(place(name)),
  "r2 object get": ([path]) => {
    const file = objectFile(path);
    if (!existsSync(file)) fail("The specified key does not exist.");
    writeFileSync(option("--file"), readFileSync(file));
  },
  "r2 object put": ([path]) => {
    const file = objectFile(path);
    if (!state.buckets.includes(place(path.split("/")[0])))
      fail("The specified bucket does not exist.");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, args.includes("--pipe") ? stdin : readFileSync(option("--file")));
  },
  "queues info": ([name]) => {
    if (!state.queues.includes(name))
      fail(`Queue "${name}" does not exist. To create it, run: ...`);
  },
  "queues create": ([name]) => state.queues.push(name),
  "kv namespace list": () => console.log(JSON.stringify(state.namespaces)),
  "kv key put": ([key, value]) => {
    namespace()[key] = value;
  },
  "kv key get": ([key]) => {
    if (namespace()[key] === undefined) fail("Failed to fetch the value - 404: Not Found");
    console.log(namespace()[key]);
  },
  "kv key list": () => {
    const names = Object.keys(namespace()).filter((key) => key.startsWith(option("--prefix")));
    console.log(JSON.stringify(names.map((name) => ({ name }))));
  },
  "secret list": () => {
    const worker = option("--name");
    if (!state.secrets[worker]) fail(`Worker "${worker}" not found.`);
    console.log(
      JSON.stringify(state.secrets[worker].map((name) => ({ name, type: "secret_text" }))),
    );
  },
  "secret put": ([name]) => {
    state.secrets[option("--name")] = [...(state.secrets[option("--name")] ?? []), name];
  },
  "deployments status": () => {
    const worker = option("--name");
    if (!state.tags[worker]) fail("This Worker does not exist on your account. [code: 10007]");
    console.log(JSON.stringify({ versions: [{ version_id: `v-${worker}`, percentage: 100 }] }));
  },
  "versions view": () =>
    console.log(JSON.stringify({ annotations: { "workers/tag": state.tags[option("--name")] } })),
  deploy: () => {
    const worker = workerOf(option("--env"));
    state.tags[worker] = option("--tag");
    state.secrets[worker] ??= [];
    state.namespaces = [{ title: `${worker}-KEYS`, id: "1" }];
    const said = { type: "deploy", version: 1, targets: [process.env.PLAYED_URL] };
    writeFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, `${JSON.stringify(said)}\n`);
  },
};

const line = args.join(" ");
const name = Object.keys(commands).find((command) => line.startsWith(command));
if (name === undefined) fail(`Unknown arguments: ${line}`);
if (state.fail === name)
  fail("A request to the Cloudflare API failed. Authentication error [code: 10000]");
commands[name](args.slice(name.split(" ").length));
writeFileSync(stateFile, JSON.stringify(state));
