/**
 * Options of a command: `--help` prints its usage and ends it; wrong ones end it too, with a line and the usage in
 * place of a stack trace. Node built-ins only: `npm run fuzz` reads its options before anything is installed.
 */
import { parseArgs } from "node:util";

export function commandLine(usage, options) {
  try {
    const { values } = parseArgs({
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    if (!values.help) return values;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}
