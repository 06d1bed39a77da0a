/**
 * Command: `node scripts/replay-llm/main.ts [--port 8788] [--recordings PATH]... [--pace off|real|MS,TPS]
 * [--fail MODE]`. Flags stand above the environment (REPLAY_PORT, REPLAY_PACE, REPLAY_FAIL). Prints one
 * line with its URL when it is ready; ends on SIGTERM and SIGINT.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FAILURES, FailurePlan, isFailureMode } from "./failures.ts";
import { startReplay } from "./listen.ts";
import { parsePace } from "./pacing.ts";
import { loadRecordings, RecordingBook } from "./recordings.ts";

function fail(message: string): never {
  process.stderr.write(`replay-llm: ${message}\n`);
  process.exit(1);
}

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.REPLAY_PORT ?? "8788" },
    recordings: {
      type: "string",
      multiple: true,
      default: [join(import.meta.dirname, "../../examples/recorded")],
    },
    pace: { type: "string", default: process.env.REPLAY_PACE ?? "real" },
    fail: { type: "string", default: process.env.REPLAY_FAIL ?? "" },
  },
});

const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail("--port takes 0 to 65535");
const pace = parsePace(values.pace) ?? fail("--pace takes off, real, or MS,TOKENS_PER_SECOND");
const plan = new FailurePlan();
if (isFailureMode(values.fail)) plan.set(values.fail);
else if (values.fail !== "") fail(`--fail takes one of: ${Object.keys(FAILURES).join(", ")}`);

try {
  const book = new RecordingBook(loadRecordings(values.recordings));
  const replay = await startReplay({ book, pace, plan }, port);
  const stop = () => replay.close().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`replay-llm ready at ${replay.url} (${book.size} recorded questions)\n`);
} catch (error) {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  fail(taken ? `port ${port} is in use` : error instanceof Error ? error.message : "cannot start");
}
