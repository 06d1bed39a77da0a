/**
 * Puts an adapter bundle into local R2, as `wrangler dev --persist-to` reads it: files first, manifest next, the
 * channel's pointer last, so that no reader ever sees a version that is not whole. For `npm start` and tests.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { getPlatformProxy } from "wrangler";
import { storageConfig } from "./storageConfig.mjs";

/** Opens the local ADAPTERS bucket; `dispose` ends the process behind it. */
export async function openBucket({ persistTo, configPath }) {
  const { env, dispose } = await getPlatformProxy({
    configPath: storageConfig(configPath),
    // `wrangler dev --persist-to X` keeps its state in X/v3.
    persist: { path: join(resolve(persistTo), "v3") },
    envFiles: [],
  });
  return { bucket: env.ADAPTERS, dispose };
}

/** Puts a file with its SHA-256, which R2 verifies and stores. */
export async function putFile(bucket, key, bytes) {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await bucket.put(key, bytes, { sha256 });
}

/** Points a channel at a version; the serial grows by one. */
export async function putPointer(bucket, { adapter, version, channel }) {
  const key = `channels/${adapter}/${channel}.json`;
  const current = await readPointer(bucket, adapter, channel);
  const pointer = {
    schema: 1,
    adapter,
    version,
    serial: (current?.serial ?? 0) + 1,
    share: 1,
    updatedAt: new Date().toISOString(),
  };
  await putFile(bucket, key, Buffer.from(JSON.stringify(pointer)));
  return pointer;
}

/** The channel's pointer, or null where there is none that can be read. */
export async function readPointer(bucket, adapter, channel) {
  const found = await bucket.get(`channels/${adapter}/${channel}.json`);
  try {
    return found === null ? null : JSON.parse(await found.text());
  } catch {
    return null;
  }
}

/** Uploads a bundle folder's files and its manifest, in that order. */
export async function putBundle(bucket, bundleDir) {
  const bytes = readFileSync(join(bundleDir, "manifest.json"));
  const manifest = JSON.parse(bytes.toString("utf8"));
  const folder = `adapters/${manifest.name}/${manifest.version}`;
  for (const { path } of manifest.files) {
    await putFile(bucket, `${folder}/${path}`, readFileSync(join(bundleDir, path)));
  }
  await putFile(bucket, `${folder}/manifest.json`, bytes);
  return { name: manifest.name, version: manifest.version };
}

/** Whether every file of the bundle lies in R2 with the manifest's hash, and the very same manifest. */
async function isStored(bucket, bundleDir) {
  const bytes = readFileSync(join(bundleDir, "manifest.json"));
  const manifest = JSON.parse(bytes.toString("utf8"));
  const folder = `adapters/${manifest.name}/${manifest.version}`;
  const wanted = [
    ...manifest.files.map(({ path, sha256 }) => [path, sha256]),
    ["manifest.json", createHash("sha256").update(bytes).digest("hex")],
  ];
  for (const [path, sha256] of wanted) {
    const head = await bucket.head(`${folder}/${path}`);
    const stored = head?.checksums.sha256;
    if (!stored || Buffer.from(stored).toString("hex") !== sha256) return false;
  }
  return true;
}

/**
 * Seeds local R2 with a bundle and points the channel at it. Does nothing where both are there already.
 * @param {{bundleDir: string, persistTo: string, configPath: string, channel: string}} options
 * @returns {Promise<{name: string, version: string, serial: number, put: boolean}>}
 */
export async function seedAdapter({ bundleDir, persistTo, configPath, channel }) {
  const { bucket, dispose } = await openBucket({ persistTo, configPath });
  try {
    const manifest = JSON.parse(readFileSync(join(bundleDir, "manifest.json"), "utf8"));
    const { name, version } = manifest;
    const pointer = await readPointer(bucket, name, channel);
    if (pointer?.version === version && (await isStored(bucket, bundleDir))) {
      return { name, version, serial: pointer.serial, put: false };
    }
    await putBundle(bucket, bundleDir);
    const put = await putPointer(bucket, { adapter: name, version, channel });
    return { name, version, serial: put.serial, put: true };
  } finally {
    await dispose();
  }
}
