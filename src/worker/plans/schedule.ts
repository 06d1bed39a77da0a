/**
 * Which LLM is asked next, and for how many candidates: a plan's stages, waves within a stage (`k: "auto"`), and the
 * places of LLMs that are down. It decides from what has come; it asks nobody itself.
 */
import { type AdaptiveK, nextWave } from "../../adapter/select/adaptiveK.ts";
import type { ScoredCandidate } from "../../adapter/select/candidates.ts";
import type { GenerateFailure } from "../../llm/generator.ts";
import type { Bounded, BoundPlan } from "./bounds.ts";
import type { Breakers } from "./breaker.ts";
import type { Llm } from "./llms.ts";

/** Why `k: "auto"` asked for no more candidates. */
export const K_STOPS = [
  /** The leading answer is likely to stay ahead. */
  "settled",
  /** As many as `max_k` allows. */
  "max_k",
  /** The adapter's manifest has no stopping rule: `max_k` candidates were asked for. */
  "no_rule",
  /** Without scores there is no rule either: `max_k` candidates were asked for. */
  "degraded",
  /** A wave brought nothing. */
  "llm_failed",
] as const;
export type KStop = (typeof K_STOPS)[number];

/** First wave while the adapter, and with it the rule, is still being loaded. */
const FIRST_WITHOUT_RULE = 3;

/** `unsure`: by the stage's rule. `no_answer`: no candidate gave one. `failed`: no candidate came. */
export const ESCALATIONS = ["unsure", "no_answer", "failed"] as const;

/** Why a stage was entered. Stages from 1. */
export interface Escalation {
  readonly stage: number;
  readonly reason: (typeof ESCALATIONS)[number];
  /** By what the stage before was judged, what it came to, and what would have been enough; null: it had no answer. */
  readonly judged: Judged | null;
}

export interface Judged {
  readonly by: "confidence" | "agreement";
  /** What it came to; where candidates were still to come, the most that it could have come to. */
  readonly value: number;
  readonly threshold: number;
}

/** What is known of a stage: whether its winner is good enough. `open`: candidates that are still to come may tell. */
export type Verdict = { readonly kind: "leave" | "enter" | "open"; readonly judged: Judged | null };

/** An LLM that was asked for less than the plan says. `breaker`: it was down before, and was not asked. */
export interface Skipped {
  readonly llm: string;
  readonly reason: GenerateFailure | "breaker";
  /** Candidates that it did not write. */
  readonly candidates: number;
}

/** Candidates to ask of one LLM. */
export interface Call {
  readonly llm: Llm;
  readonly stage: number;
  readonly first: number;
  readonly n: number;
  /** Another LLM can take its place: it may have a part of the time only. */
  readonly replaceable: boolean;
}

export interface Step {
  readonly calls: readonly Call[];
  readonly escalation: Escalation | null;
}

/** A candidate that has come and holds text. */
export interface Come extends ScoredCandidate {
  readonly stage: number;
}

/** What the schedule looks at. */
export interface View {
  readonly candidates: readonly Come[];
  /** The stopping rule; or why there is none. */
  readonly rule: AdaptiveK | "waiting" | "no_rule" | "degraded";
  readonly judge: (stage: number) => Verdict;
}

export interface ScheduleOptions {
  readonly bound: BoundPlan;
  readonly k: number;
  readonly adaptive: { readonly least: number } | null;
  readonly hasOptions: boolean;
  readonly breakers: Breakers;
  readonly tenant: string;
  /** Whether calls still fit into what the request may cost; reserves it where they do. */
  readonly afford: (calls: readonly Call[]) => boolean;
}

/** An LLM, and how many candidates it is to write. */
interface Wanted {
  readonly llm: Llm;
  readonly n: number;
}

export class Schedule {
  readonly #options: ScheduleOptions;
  #at = -1;
  #asked = 0;
  /** First candidate of the last wave. */
  #first = 0;
  #askedInStage = 0;
  /** Candidates of the stage that failed, and whose place nobody has taken. */
  #lost = 0;
  #instead: Llm[] = [];
  /** LLMs that were not asked, as they had been down. */
  readonly #leftAlone: Wanted[] = [];
  #members: readonly Wanted[] = [];
  #isAuto = false;
  #stopped: KStop | null = null;
  readonly #failed = new Map<string, Map<GenerateFailure | "breaker", number>>();
  readonly #escalations: Escalation[] = [];
  readonly #bounded: Bounded[];

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#bounded = [...options.bound.bounded];
  }

  /** Candidates asked for so far, those that failed included. */
  get asked(): number {
    return this.#asked;
  }

  /** Why there were no more; null where K was a number. */
  get stopped(): KStop | null {
    return this.#stopped;
  }

  get escalations(): readonly Escalation[] {
    return this.#escalations;
  }

  get bounded(): readonly Bounded[] {
    return this.#bounded;
  }

  get skipped(): Skipped[] {
    return [...this.#failed].flatMap(([llm, reasons]) =>
      [...reasons].map(([reason, candidates]) => ({ llm, reason, candidates })),
    );
  }

  /** What to ask when no call goes on; null: nothing more. */
  next(view: View): Step | null {
    if (this.#at < 0) return this.#enter(view, null);
    return this.#replace() ?? this.#wave(view, null) ?? this.#goOn(view) ?? this.#lastResort(view);
  }

  /** What to ask at once, while calls of the stage go on. @param open candidates that are still to come */
  early(view: View, open: number): Step | null {
    return this.#replace() ?? (open === 0 || this.#isAuto ? null : this.#goOn(view));
  }

  /** A call has ended; `reasons` are those of its candidates that failed. */
  ended({ llm, stage }: Call, reasons: readonly GenerateFailure[]): void {
    for (const reason of reasons) this.#skip(llm, reason, 1);
    if (stage === this.#number) this.#lost += reasons.length;
  }

  get #stage() {
    return this.#options.bound.stages[this.#at];
  }

  /** Of the stage, from 1 in the plan. */
  get #number(): number {
    return this.#stage?.number ?? 0;
  }

  /** The places of what failed, to the next LLM that stands by. */
  #replace(): Step | null {
    const llm = this.#lost === 0 ? null : this.#standIn(this.#lost);
    if (llm === null) return null;
    const n = this.#lost;
    this.#lost = 0;
    return this.#ask([{ llm, n }], null);
  }

  /** @param n candidates that it is to write */
  #standIn(n: number): Llm | null {
    const { breakers, tenant } = this.#options;
    for (let llm = this.#instead.shift(); llm !== undefined; llm = this.#instead.shift()) {
      if (!breakers.isOut(llm.name, tenant)) return llm;
      this.#leaveAlone({ llm, n });
    }
    return null;
  }

  /** The next wave of the stage's one LLM. */
  #wave(view: View, escalation: Escalation | null): Step | null {
    const [member] = this.#members;
    if (member === undefined || !this.#isAuto) return null;
    const n = this.#waveSize(view, member.n);
    return n === 0 ? null : this.#ask([{ llm: member.llm, n }], escalation);
  }

  #waveSize({ candidates, rule }: View, most: number): number {
    const { adaptive, hasOptions } = this.#options;
    const least = adaptive?.least ?? 1;
    const inStage = candidates.filter(({ stage }) => stage === this.#number);
    const left = most - this.#askedInStage;
    const begun = this.#askedInStage > 0;
    if (begun && !inStage.some(({ index }) => index >= this.#first))
      return this.#stop("llm_failed");
    if (left <= 0) return this.#stop("max_k");
    if (!begun && rule === "waiting") return Math.min(Math.max(FIRST_WITHOUT_RULE, least), most);
    if (typeof rule === "string") {
      this.#stop(rule === "no_rule" ? rule : "degraded");
      return left;
    }
    const n = nextWave(rule, inStage, hasOptions, this.#askedInStage, most);
    if (begun) return n === 0 ? this.#stop("settled") : n;
    return Math.min(Math.max(n, least), most);
  }

  /** Goes to the next stage, unless this one's winner is good enough. */
  #goOn(view: View): Step | null {
    const next = this.#options.bound.stages[this.#at + 1];
    if (next === undefined) return null;
    const { kind, judged } = view.judge(this.#number);
    if (kind !== "enter") return null;
    const inStage = view.candidates.filter(({ stage }) => stage === this.#number);
    const isRead = !this.#options.hasOptions || inStage.some(({ answer }) => answer !== null);
    const reason = inStage.length === 0 ? "failed" : isRead ? "unsure" : "no_answer";
    return this.#enter(view, { stage: next.number, reason, judged });
  }

  #enter(view: View, escalation: Escalation | null): Step | null {
    this.#at += 1;
    const stage = this.#stage;
    if (stage === undefined) return null;
    const { adaptive, k } = this.#options;
    this.#askedInStage = 0;
    this.#lost = 0;
    this.#instead = [...stage.instead];
    this.#isAuto = stage.members.length === 1 && (stage.auto || adaptive !== null);
    const wanted = stage.members.map(({ llm, candidates }) => ({ llm, n: candidates ?? k }));
    this.#members = this.#present(wanted);
    return this.#isAuto ? this.#wave(view, escalation) : this.#ask(this.#members, escalation);
  }

  /** Where nobody has written, those who were left alone for being down are asked after all: they may be well again. */
  #lastResort({ candidates }: View): Step | null {
    const leftAlone = this.#leftAlone.splice(0);
    if (candidates.length > 0 || leftAlone.length === 0) return null;
    for (const { llm } of leftAlone) this.#failed.get(llm.name)?.delete("breaker");
    return this.#ask(leftAlone, null);
  }

  /** The members that are not known to be down, and others in their places. */
  #present(wanted: readonly Wanted[]): readonly Wanted[] {
    const { breakers, tenant, bound } = this.#options;
    const hasNext = this.#at + 1 < bound.stages.length;
    if (wanted.length === 1 && this.#instead.length === 0 && !hasNext) return wanted;
    return wanted.flatMap((member) => {
      if (!breakers.isOut(member.llm.name, tenant)) return [member];
      this.#leaveAlone(member);
      const llm = this.#standIn(member.n);
      return llm === null ? [] : [{ llm, n: member.n }];
    });
  }

  #ask(wanted: readonly Wanted[], escalation: Escalation | null): Step | null {
    const { bound, afford } = this.#options;
    const hasNext = this.#at + 1 < bound.stages.length;
    const stage = this.#number;
    const replaceable = this.#instead.length > 0 || hasNext || this.#asked > 0;
    let first = this.#asked;
    const calls = wanted.map(({ llm, n }) => {
      const call = { llm, stage, first, n, replaceable };
      first += n;
      return call;
    });
    if (calls.length > 0 && !afford(calls)) {
      this.#bounded.push({ bound: "max_cost", stage, llms: calls.map(({ llm }) => llm.name) });
      return null;
    }
    this.#first = this.#asked;
    this.#askedInStage += first - this.#asked;
    this.#asked = first;
    if (escalation !== null) this.#escalations.push(escalation);
    return { calls, escalation };
  }

  #leaveAlone(wanted: Wanted): void {
    this.#skip(wanted.llm, "breaker", wanted.n);
    this.#leftAlone.push(wanted);
  }

  #skip({ name }: Llm, reason: Skipped["reason"], candidates: number): void {
    const reasons = this.#failed.get(name) ?? new Map<Skipped["reason"], number>();
    reasons.set(reason, (reasons.get(reason) ?? 0) + candidates);
    this.#failed.set(name, reasons);
  }

  /** Notes the first reason. */
  #stop(reason: KStop): 0 {
    this.#stopped ??= reason;
    return 0;
  }
}
