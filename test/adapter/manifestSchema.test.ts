/**
 * The JSON Schema by which the training package checks a manifest is the Worker's own schema, written out. After a change
 * of the manifest: `npx vitest run --project unit test/adapter/manifestSchema.test.ts -u`.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { manifestSchema } from "../../src/adapter/manifest.ts";

const file = new URL(
  "../../scripts/train/medadapter_train/bundle/manifest.schema.json",
  import.meta.url,
);

test("the schema in the training package is the one that the Worker reads by", async () => {
  const schema = z.toJSONSchema(manifestSchema);
  await expect(`${JSON.stringify(schema, null, 1)}\n`).toMatchFileSnapshot(file.pathname);
});

test("it refuses what is no field of a manifest, at every depth", () => {
  const objects: { additionalProperties?: unknown; properties?: unknown }[] = [];
  JSON.parse(readFileSync(file, "utf8"), (_, value) => {
    if (value?.properties !== undefined && value.type === "object") objects.push(value);
    return value;
  });
  expect(objects.length).toBeGreaterThan(15);
  expect(objects.every((one) => one.additionalProperties === false)).toBe(true);
});
