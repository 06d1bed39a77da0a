/**
 * TypeScript's rules, asked from Python (medadapter_train/core.py): one JSON object a line on stdin, one answer a line
 * on stdout, in order. The operations and their fields are in `core/answer.ts`.
 *
 *   printf '%s\n' '{"op":"verdict","texts":["The same advice. #### yes"]}' | node scripts/core.ts
 *
 * It ends when stdin does. A line that it cannot work with is answered by an error and ends nothing.
 */
import { once } from "node:events";
import { answer } from "./core/answer.ts";

const ORPHAN_CHECK_MS = 100;
const LINE_END = 0x0a;

/** Lines of a stream of bytes, at "\n" alone: U+2028 may stand in a text. */
async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]).toString("utf8");
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield Buffer.concat(parts).toString("utf8");
}

// Answers alone go to stdout: what a library prints (wrangler does) goes to stderr.
const writeAnswer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

// An exit, where a signal alone would leave a local workerd behind.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(code));
}
// Nobody reads any more.
process.stdout.once("error", () => process.exit(1));
// Whoever asked was killed: what is under way may be hours of scoring.
const asker = process.ppid;
setInterval(() => {
  if (process.ppid !== asker) process.exit(1);
}, ORPHAN_CHECK_MS).unref();

for await (const line of linesOf(process.stdin)) {
  if (line.trim() === "") continue;
  if (!writeAnswer(`${await answer(line)}\n`)) await once(process.stdout, "drain");
}
