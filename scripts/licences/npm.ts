/** npm packages: every one that the lock file names, for all platforms. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Dependency } from "./dependency.ts";

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      link: z.boolean().optional(),
    }),
  ),
});
const packageSchema = z.object({ license: z.string().optional() });
/** Our own Node for machines with an older one: the Worker does not carry it. */
const NODES = /^node-linux-/;

/** @param root folder with package-lock.json and node_modules */
export function npmDependencies(root: string): Dependency[] {
  const { packages } = lockSchema.parse(
    JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")),
  );
  return Object.entries(packages).flatMap(([path, entry]) => {
    const [, name] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || entry.link) return [];
    const tool = entry.dev || NODES.test(name);
    const licence = entry.license ?? installedLicence(join(root, path));
    return [{ name, version: entry.version ?? "", licence, use: tool ? "tools" : "worker" }];
  });
}

function installedLicence(folder: string): string | null {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return null;
  return packageSchema.safeParse(JSON.parse(readFileSync(file, "utf8"))).data?.license ?? null;
}
