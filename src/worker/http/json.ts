/**
 * What `JSON.parse` loses without a word is refused by name, in every JSON body and in every line of a batch: a member
 * that occurs twice (the last would win), a member `__proto__` (schemas drop it), and options with numbers for labels that
 * are not in rising order (JavaScript would sort them); and what is nested too deep. One pass over the text, no recursion.
 */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../config/parts.ts";
import { fieldPath, KEYED_BY_CALLER, nameOf } from "./faults.ts";
import { type FieldFault, fieldProblem, Problem } from "./problems.ts";

interface Level {
  /** Null: a list. */
  readonly names: Set<string> | null;
  readonly path: readonly PropertyKey[];
  /** Of a list: the index of the value that comes. Of an object: its member's name, null before the colon. */
  index: number;
  name: string | null;
  /** The largest number among the names so far, and whether a name that is none stood before. */
  largest: number;
  texts: boolean;
}

/** JavaScript puts members with such names first, by their size. */
const ARRAY_INDEX = /^(?:0|[1-9]\d{0,9})$/;
const LARGEST_INDEX = 2 ** 32 - 2;

/**
 * The first member that would be lost, or that would change its place among options; null: none. A text that is no JSON is
 * no fault here: parsing says so.
 */
export function lostMember(text: string): FieldFault | null {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const top = levels.at(-1);
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        if (end < 0) return null;
        if (top?.names && top.name === null) {
          const name = stringOf(text.slice(at, end + 1));
          if (name === null) return null;
          const reason = faultOf(top, name);
          if (reason !== null) return { field: fieldPath([...top.path, shown(top, name)]), reason };
          top.name = name;
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_LIST: {
        const next = level(top, text.charCodeAt(at) === OPEN_OBJECT ? new Set() : null);
        if (levels.length >= MAX_DEPTH) {
          const reason = `must not be nested deeper than ${MAX_DEPTH} levels`;
          return { field: fieldPath(next.path.slice(0, 1)), reason };
        }
        levels.push(next);
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        levels.pop();
        break;
      case COMMA:
        if (top === undefined) return null;
        top.index += 1;
        top.name = null;
        break;
    }
  }
  return null;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** No body of ours needs as many; each level is kept in memory while it is open. */
const MAX_DEPTH = 64;

function level(parent: Level | undefined, names: Set<string> | null): Level {
  const own =
    parent === undefined ? [] : [parent.names ? shown(parent, parent.name ?? "") : parent.index];
  return {
    names,
    path: [...(parent?.path ?? []), ...own],
    index: 0,
    name: null,
    largest: -1,
    texts: false,
  };
}

/** The member's name as a problem may show it: none that the caller made up. */
function shown({ path }: Level, name: string): string {
  return KEYED_BY_CALLER.includes(path.at(-1) ?? "") ? name : nameOf(name);
}

function faultOf(top: Level, name: string): string | null {
  if (name === "__proto__") return "must not be named __proto__";
  if (top.names?.has(name)) return "must not occur twice";
  top.names?.add(name);
  // Elsewhere the order says nothing.
  if (top.path.at(-1) !== "options") return null;
  if (!ARRAY_INDEX.test(name) || Number(name) > LARGEST_INDEX) {
    top.texts = true;
    return null;
  }
  if (top.texts || Number(name) < top.largest) {
    return "must not be a number after a larger one, or after a text: give options as a list of label and text";
  }
  top.largest = Number(name);
  return null;
}

/** Where the string that begins here ends; -1: it does not. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return -1;
}

function stringOf(quoted: string): string | null {
  try {
    return quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  } catch {
    return null;
  }
}

/** Reads JSON. Throws `Problem`: it is none, or a member would be lost. */
export function readJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem("malformed_json");
  }
  refuseLost(text);
  return value;
}

function refuseLost(text: string): void {
  const lost = lostMember(text);
  if (lost !== null) throw fieldProblem("invalid_request", lost.field, lost.reason);
}

const JSON_TYPE = /^application\/(?:[a-z-.]+\+)?json\b/i;

/** Refuses bodies of JSON of which a member would be lost. The body is read once: what follows gets the same text. */
export function wholeJson() {
  return createMiddleware<AppEnv>(async (c, next) => {
    // The body of a GET is not read (`wholeBody`).
    const read = c.req.method !== "GET" && c.req.method !== "HEAD";
    const isJson = JSON_TYPE.test(c.req.header("content-type") ?? "");
    if (read && isJson) refuseLost(await c.req.text());
    await next();
  });
}
