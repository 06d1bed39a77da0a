/** `npm run rerank-server`: prints one line when it is ready; ends on SIGTERM and SIGINT. */
import { join } from "node:path";
import { commandLine } from "../lib/commandLine.mjs";
import { startRerankServer } from "./listen.ts";
import { writeRemoteBundle } from "./remoteBundle.ts";

function fail(message: string): never {
  process.stderr.write(`rerank-server: ${message}\n`);
  process.exit(1);
}

const usage = `npm run rerank-server -- [--bundle DIR] [--host HOST] [--port N]
npm run rerank-server -- --write-remote-bundle DIR --version V [--bundle DIR]
  --bundle DIR               the adapter that scores; models/mini by default
  --host HOST, --port N      where it listens; 127.0.0.1 and 8790 by default
  --write-remote-bundle DIR  write the bundle that makes a Worker ask such a server, and end
  --version V                that bundle's version
The key of callers is in RERANK_API_KEY; beyond this machine it is needed.`;
const values = commandLine(usage, {
  bundle: { type: "string", default: join(import.meta.dirname, "../../models/mini") },
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "8790" },
  "write-remote-bundle": { type: "string" },
  version: { type: "string" },
});

const { bundle, host } = values;
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail("--port takes 0 to 65535");
const apiKey = process.env.RERANK_API_KEY || null;
const target = values["write-remote-bundle"];

try {
  if (target !== undefined) {
    if (values.version === undefined) fail("--write-remote-bundle needs --version");
    const { name, version } = writeRemoteBundle(bundle, target, values.version);
    process.stdout.write(`${name}@${version}, to be served by a /rerank server\n`);
  } else {
    if (apiKey === null && !["127.0.0.1", "::1", "localhost"].includes(host)) {
      fail("beyond this machine callers need a key: set RERANK_API_KEY");
    }
    const server = await startRerankServer({ bundle, host, port, apiKey });
    const stop = () => server.close().then(() => process.exit(0));
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    process.stdout.write(
      `rerank-server ready at ${server.url}: ${server.model} on ${server.engine}\n`,
    );
  }
} catch (error) {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  fail(taken ? `port ${port} is in use` : error instanceof Error ? error.message : "cannot start");
}
