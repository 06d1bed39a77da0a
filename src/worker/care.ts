/** A word of care: what every answer carries, and what stands first where a question tells of an emergency. */
import type { Context } from "hono";
import { urgentKind } from "../tasks/urgent/urgent.ts";
import type { AppEnv } from "./parts.ts";

export interface Care {
  readonly notice: string;
  /** Null: nothing urgent was found. */
  readonly urgentText: string | null;
}

/** Looks at the caller's question, and remembers what it finds: errors from now on carry it too. */
export function careFor(c: Context<AppEnv>, question: string): Care {
  const { notice, urgentText, urgentRules } = c.get("parts").config;
  const found = urgentKind(question, urgentRules) === null ? null : urgentText;
  c.set("urgentText", found);
  return { notice, urgentText: found };
}

/** The urgent text before whatever else is said. */
export function urgentFirst({ urgentText }: Care, text: string): string;
export function urgentFirst({ urgentText }: Care, text: string | null): string | null;
export function urgentFirst({ urgentText }: Care, text: string | null): string | null {
  if (urgentText === null) return text;
  return text === null ? urgentText : `${urgentText}\n\n${text}`;
}
