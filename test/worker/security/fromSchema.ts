/** Bodies that a JSON schema allows, with a hostile text in every place for a text. */
import fc from "fast-check";
import type { Schema } from "./routes.ts";

/** Texts that let a request go on where only a known name does. */
export type Known = Readonly<Record<string, unknown>>;

export interface Filling {
  readonly schemas: Readonly<Record<string, Schema>>;
  /** What stands in every text. */
  readonly hostile: fc.Arbitrary<string>;
  /** By the member's name: values that pass, mostly taken. */
  readonly known: Known;
}

/** Any body of the schema, more or less: lengths and patterns are not kept to. */
export function fromSchema(schema: Schema, filling: Filling, name = ""): fc.Arbitrary<unknown> {
  const { schemas, hostile, known } = filling;
  if (schema.$ref !== undefined) {
    return fromSchema(schemas[schema.$ref.split("/").at(-1)], filling, name);
  }
  const here = fill(schema, filling, hostile);
  if (!Object.hasOwn(known, name)) return here;
  return fc.oneof(
    { weight: 1, arbitrary: here },
    { weight: 9, arbitrary: fc.constant(known[name]) },
  );
}

function fill(schema: Schema, filling: Filling, hostile: fc.Arbitrary<string>) {
  const branches: Schema[] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (branches.length > 0) return fc.oneof(...branches.map((one) => fromSchema(one, filling)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.oneof(fc.constantFrom(...schema.enum), hostile);
  const types: string[] = [schema.type ?? "string"].flat();
  return fc.oneof(...types.map((type) => ofType(type, schema, filling, hostile)));
}

function ofType(type: string, schema: Schema, filling: Filling, hostile: fc.Arbitrary<string>) {
  switch (type) {
    case "object":
      return objectOf(schema, filling, hostile);
    case "array":
      return fc.array(fromSchema(schema.items ?? {}, filling), { minLength: 1, maxLength: 3 });
    case "integer":
    case "number":
      return fc.integer({ min: Math.max(1, schema.minimum ?? 1), max: 2 });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return hostile;
  }
}

function objectOf(schema: Schema, filling: Filling, hostile: fc.Arbitrary<string>) {
  const members = Object.entries<Schema>(schema.properties ?? {});
  const free = schema.additionalProperties;
  if (members.length === 0) {
    const value = typeof free === "object" ? fromSchema(free, filling) : hostile;
    return fc.dictionary(fc.oneof(fc.constantFrom("A", "B", "yes", "no"), hostile), value, {
      maxKeys: 3,
    });
  }
  const model = Object.fromEntries(
    members.map(([name, member]) => [name, fromSchema(member, filling, name)]),
  );
  return fc.record(model, { requiredKeys: schema.required ?? [] });
}
