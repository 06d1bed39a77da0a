/** Hands scored files to `medadapter-train evaluate`: every figure is computed there, once. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { CoreFault } from "../core/fault.ts";

const train = join(import.meta.dirname, "..", "train");

/** Runs `medadapter-train ARGS`; resolves with its stdout, which is shown instead where `show` is set. */
export function trainCommand(
  python: string,
  args: readonly string[],
  show: boolean,
): Promise<string> {
  const child = spawn(python, ["-m", "medadapter_train", ...args], {
    stdio: ["ignore", show ? "inherit" : "pipe", "inherit"],
    env: { ...process.env, PYTHONPATH: train },
  });
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", () =>
      reject(new CoreFault("bad_request", `no Python at ${python}; name one by --python`)),
    );
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString("utf8"));
      else
        reject(
          new CoreFault("bad_request", `medadapter-train ${args[0] ?? ""} ended with code ${code}`),
        );
    });
  });
}
