/** What every answer carries, and what stands first where a question tells of an emergency. */
import type { Context } from "hono";
import {
  parseUrgentRules,
  standardRules,
  type UrgentRules,
  urgentKind,
} from "../../tasks/urgent/urgent.ts";
import type { AppEnv, Bindings, Config } from "../config/parts.ts";

declare module "../config/parts.ts" {
  interface Bindings {
    readonly NOTICE?: string;
    readonly ABSTAINED_TEXT?: string;
    readonly URGENT_TEXT?: string;
    readonly URGENT_RULES?: string;
  }
  interface Config {
    /** Carried by every answer. */
    readonly notice: string;
    /** Content of a chat completion that abstained. */
    readonly abstainedText: string;
    /** Comes first where a question tells of an emergency or of self-harm. */
    readonly urgentText: string;
    readonly urgentRules: UrgentRules;
  }
}

const DEFAULT_NOTICE =
  "Not medical advice. A machine wrote and ranked this; check it with a clinician.";
const DEFAULT_URGENT =
  "This may be an emergency. Call your local emergency number now (112 in Europe, 911 in North America), or a crisis line if you think of harming yourself. Do not wait for an answer here.";
const DEFAULT_ABSTAINED = "I am not sure enough to answer this question.";

/** Adds its faults. */
export function readNotices(env: Bindings, faults: string[]) {
  return {
    notice: env.NOTICE || DEFAULT_NOTICE,
    abstainedText: env.ABSTAINED_TEXT || DEFAULT_ABSTAINED,
    urgentText: env.URGENT_TEXT || DEFAULT_URGENT,
    urgentRules: readUrgentRules(env.URGENT_RULES, faults),
  } satisfies Partial<Config>;
}

function readUrgentRules(value: string | undefined, faults: string[]): UrgentRules {
  if (!value?.trim()) return standardRules;
  const rules = parseUrgentRules(value);
  if (rules === null)
    faults.push("URGENT_RULES must be JSON of the form of src/tasks/urgent/rules.json");
  return rules ?? standardRules;
}

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
