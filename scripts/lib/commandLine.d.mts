import type { ParseArgsConfig, parseArgs } from "node:util";

/** The values of `options`, as `parseArgs` gives them. Ends the process on `--help` and where they are wrong. */
export function commandLine<T extends NonNullable<ParseArgsConfig["options"]>>(
  usage: string,
  options: T,
): ReturnType<typeof parseArgs<{ options: T }>>["values"];
