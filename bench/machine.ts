/** Every figure says where it was measured. */
import { cpus, release, totalmem } from "node:os";

export function machine(): string {
  return `${host()}; local workerd`;
}

/** The machine alone. */
export function host(): string {
  const [first] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const cores = `${first?.model.trim()}, ${cpus().length} cores`;
  return [cores, `${memory} GiB`, `Linux ${release()}`, `Node ${process.versions.node}`].join("; ");
}

export const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
