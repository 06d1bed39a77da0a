/** A JSON value that was good, with one thing in it changed: a member gone, another value, one more, or bytes. */
import fc from "fast-check";

/** Stands in changed values: must not come back in a failure. */
export const CANARY = "canary-7c0de";

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, member]) =>
    pathsOf(member, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

function changed(
  value: unknown,
  [key, ...rest]: Path,
  change: (at: object, key: PropertyKey) => void,
) {
  if (typeof value !== "object" || value === null || key === undefined) return;
  const member: unknown = Reflect.get(value, key);
  if (rest.length > 0) changed(member, rest, change);
  else change(value, key);
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(CANARY, null, "", -1, 1e308, true, [], {}, [CANARY], { a: CANARY }, 0.5),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Bytes of `good` with one to three changes. */
export function mutated(good: unknown): fc.Arbitrary<Uint8Array> {
  const paths = pathsOf(good);
  const edit = fc.record({
    path: fc.constantFrom(...paths),
    how: fc.constantFrom("replace", "delete", "add"),
    value: odd,
  });
  const edited = fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    const copy: unknown = structuredClone(good);
    for (const { path, how, value } of edits) {
      changed(copy, path, (at, key) => {
        const fresh: unknown = structuredClone(value); // one edit may be inside another's value
        if (how === "replace") Reflect.set(at, key, fresh);
        else if (how === "delete") Reflect.deleteProperty(at, key);
        else Reflect.set(at, Array.isArray(at) ? at.length : "another", fresh);
      });
    }
    return new TextEncoder().encode(JSON.stringify(copy));
  });
  const whole = new TextEncoder().encode(JSON.stringify(good));
  const byte = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  const spoiled = fc.array(byte, { minLength: 1, maxLength: 4 }).map((bytes) => {
    const copy = whole.slice();
    for (const [at, value] of bytes) copy[at] = value;
    return copy;
  });
  const cut = fc.nat(whole.length - 1).map((length) => whole.slice(0, length));
  return fc.oneof({ weight: 6, arbitrary: edited }, { weight: 2, arbitrary: spoiled }, cut);
}
