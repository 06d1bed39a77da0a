/** A word of care: what every answer carries, and what stands first where a question tells of an emergency. */
import type { Context } from "hono";
import { urgentKind } from "../../tasks/urgent/urgent.ts";
import type { Config } from "../config/env.ts";
import type { AppEnv } from "../config/parts.ts";

export interface Care {
  readonly notice: string;
  /** Null: nothing urgent was found. */
  readonly urgentText: string | null;
}

/** What a question asks for. */
export function careOf(question: string, config: Config): Care {
  const { notice, urgentText, urgentRules } = config;
  const urgent = urgentKind(question, urgentRules) !== null;
  return { notice, urgentText: urgent ? urgentText : null };
}

/** The same for a request, which remembers what was found: errors from now on carry it too. */
export function careFor(c: Context<AppEnv>, question: string): Care {
  const care = careOf(question, c.get("parts").config);
  c.set("urgentText", care.urgentText);
  return care;
}

/** The urgent text before whatever else is said. */
export function urgentFirst({ urgentText }: Care, text: string): string;
export function urgentFirst({ urgentText }: Care, text: string | null): string | null;
export function urgentFirst({ urgentText }: Care, text: string | null): string | null {
  if (urgentText === null) return text;
  return text === null ? urgentText : `${urgentText}\n\n${text}`;
}
