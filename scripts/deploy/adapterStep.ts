/**
 * The first adapter in R2. Only where the channel `stable` has no pointer: what serves already is `npm run train`'s to
 * change. Files, then manifest, then pointer, so that no Worker sees a version that is not whole.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Account, inJurisdiction } from "../lib/cloudflareAccount.ts";
import type { Deployment } from "../lib/deployment.ts";
import type { Wrangler } from "../lib/wranglerCli.ts";
import { run } from "./run.ts";
import type { State, Step } from "./step.ts";

const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
});
const Pointer = z.object({ version: z.string().nullable() });

export function adapterStep(
  root: string,
  wanted: Deployment,
  account: Account,
  wrangler: Wrangler,
): Step {
  const folder = join(root, "models", wanted.adapter);
  const place = wanted.buckets.find(({ binding }) => binding === "ADAPTERS");
  const bucket = place?.name ?? "";
  const jurisdiction = place?.jurisdiction ?? null;
  const pointerKey = `channels/${wanted.adapter}/stable.json`;
  const where = ["--remote", ...inJurisdiction(jurisdiction)];
  const put = (key: string, file: string) =>
    run(wrangler, ["r2", "object", "put", `${bucket}/${key}`, "--file", file, ...where]);

  function upload(): string {
    const bytes = readFileSync(join(folder, "manifest.json"));
    const { name, version, files } = Manifest.parse(JSON.parse(bytes.toString()));
    if (name !== wanted.adapter) throw new Error(`models/${wanted.adapter} holds ${name}`);
    const under = `adapters/${name}/${version}`;
    const stored = account.object(bucket, `${under}/manifest.json`, jurisdiction);
    if (stored !== null && !stored.equals(bytes)) {
      throw new Error(`${bucket} holds another ${name}@${version}: a version never changes`);
    }
    if (stored === null) {
      for (const { path, sha256 } of files) {
        const file = join(folder, path);
        const hash = createHash("sha256").update(readFileSync(file)).digest("hex");
        if (hash !== sha256)
          throw new Error(`models/${name}/${path} is not what its manifest says`);
        put(`${under}/${path}`, file);
      }
      put(`${under}/manifest.json`, join(folder, "manifest.json"));
    }
    const pointer = { schema: 1, adapter: name, version, serial: 1, share: 1 };
    const text = JSON.stringify({ ...pointer, updatedAt: new Date().toISOString() });
    run(wrangler, ["r2", "object", "put", `${bucket}/${pointerKey}`, "--pipe", ...where], {
      stdin: text,
    });
    return `${name}@${version} uploaded`;
  }

  function look(): State {
    const isBucket = account.hasBucket(bucket, jurisdiction);
    const pointer = isBucket ? account.object(bucket, pointerKey, jurisdiction) : null;
    if (pointer !== null) return { kind: "there", detail: serving(pointer) };
    const publish = `npm run train -- publish models/${wanted.adapter} --bucket ${bucket} --channel stable`;
    if (wanted.signed || !existsSync(join(folder, "manifest.json"))) {
      const why = wanted.signed ? "must be signed" : `is not in models/${wanted.adapter}`;
      return { kind: "yours", detail: `it ${why}: ${publish} (docs/publishing.md)` };
    }
    return {
      kind: "missing",
      detail: `to be uploaded from models/${wanted.adapter}`,
      make: upload,
    };
  }

  const what = `adapter ${wanted.adapter}, channel stable`;
  return { what, look, otherwise: "uploaded where the channel has no pointer" };
}

function serving(pointer: Buffer): string {
  try {
    const { version } = Pointer.parse(JSON.parse(pointer.toString()));
    return `at ${version ?? "no version"}; left as it is`;
  } catch {
    return "a pointer that cannot be read; left as it is";
  }
}
