/** Reads a variable that is a number within bounds. */

/** @returns the number, or `fallback` where there is none, or one that is refused: then a fault names the variable */
export function readNumber<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  fallback: number,
  least: number,
  most: number,
  faults: string[],
): number {
  const text: string | undefined = env[name];
  if (text === undefined || text.trim() === "") return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  faults.push(`${name} must be a number from ${least} to ${most}`);
  return fallback;
}

/** A whole number from 1, the most by default. */
export function readBound<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  most: number,
  faults: string[],
): number {
  const bound = readNumber(env, name, most, 1, most, faults);
  if (Number.isInteger(bound)) return bound;
  faults.push(`${name} must be a whole number from 1 to ${most}`);
  return most;
}
