/** What every answer carries, and what stands first where a question tells of an emergency. */
import type { Context } from "hono";
import { urgentKind } from "../../tasks/urgent/urgent.ts";
import type { Config } from "../config/env.ts";
import type { AppEnv } from "../config/parts.ts";

export interface Notices {
  readonly notice: string;
  /** Null: nothing urgent was found. */
  readonly urgentText: string | null;
}

/** What a question asks for. */
export function noticesOf(question: string, config: Config): Notices {
  const { notice, urgentText, urgentRules } = config;
  const urgent = urgentKind(question, urgentRules) !== null;
  return { notice, urgentText: urgent ? urgentText : null };
}

/** The same for a request, which remembers what was found: errors from now on carry it too. */
export function noticesFor(c: Context<AppEnv>, question: string): Notices {
  const notices = noticesOf(question, c.get("parts").config);
  c.set("urgentText", notices.urgentText);
  return notices;
}

/** The urgent text before whatever else is said. */
export function urgentFirst({ urgentText }: Notices, text: string): string;
export function urgentFirst({ urgentText }: Notices, text: string | null): string | null;
export function urgentFirst({ urgentText }: Notices, text: string | null): string | null {
  if (urgentText === null) return text;
  return text === null ? urgentText : `${urgentText}\n\n${text}`;
}
