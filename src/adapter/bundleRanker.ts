/** The ranker of one loaded bundle: opens a session for each question, and frees its engine after the last one. */

import { until } from "../net/sharedWork.ts";
import type { Question } from "../tasks/question.ts";
import { Admission, type AdmissionLimits } from "./admission.ts";
import { type Engine, type EngineFailureReason, endsEngine, isEngineFault } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import { PrefixCache, prefixCacheLimits } from "./prefixCache.ts";
import type { OpenFailure, RankedQuestion, Ranker, RankerLoad } from "./ranker.ts";
import { RankingSession } from "./rankingSession.ts";
import { fail, ok, type Result } from "./result.ts";
import { encodeCandidate, encodeQuestion } from "./template.ts";
import type { TextTokenizer } from "./tokenizer.ts";

const never = new AbortController().signal;
const retirePollMs = 50;

export class BundleRanker implements Ranker {
  readonly manifest: Manifest;
  readonly #tokenizer: TextTokenizer;
  readonly #engine: Engine;
  readonly #admission: Admission;
  readonly #prefixes: PrefixCache;
  #open = 0;
  #retired = false;
  #freed = false;
  #fault: EngineFailureReason | null = null;

  constructor(
    manifest: Manifest,
    tokenizer: TextTokenizer,
    engine: Engine,
    limits: AdmissionLimits,
  ) {
    this.manifest = manifest;
    this.#tokenizer = tokenizer;
    this.#engine = engine;
    this.#prefixes = new PrefixCache(engine, prefixCacheLimits);
    this.#admission = new Admission(limits);
  }

  open(
    question: Question,
    signal: AbortSignal,
    owner: string | null = null,
    cut = false,
  ): Result<RankedQuestion, OpenFailure> {
    if (this.#retired) return fail({ kind: "retired" });
    const { budget, template, calibration } = this.manifest;
    const prefix = encodeQuestion(this.#tokenizer, budget, question, cut);
    if (!prefix.ok) return prefix;
    // The ticket must be able to end the session, and the session needs the ticket.
    let session: RankingSession | null = null;
    const ticket = this.#admission.enter(() => session?.close(), owner);
    if (!ticket.ok) return ticket;
    this.#open += 1;
    const hasOptions = question.options.length > 0;
    session = new RankingSession({
      engine: this.#engine,
      ticket: ticket.value,
      prefix: prefix.value,
      takePrefix: () => this.#prefixes.take(owner, prefix.value),
      encode: (candidate) =>
        encodeCandidate(this.#tokenizer, budget, template.noAnswer, hasOptions, candidate),
      calibration,
      signal,
      failed: (reason) => this.#failed(reason),
      closed: () => this.#closed(),
    });
    if (signal.aborted) session.close();
    return ok(session);
  }

  refusal(question: Question, owner: string | null = null, cut = false): OpenFailure | null {
    if (this.#retired) return { kind: "retired" };
    const prefix = encodeQuestion(this.#tokenizer, this.manifest.budget, question, cut);
    return prefix.ok ? this.#admission.refusal(owner) : prefix.failure;
  }

  load(): RankerLoad {
    return {
      held: this.#admission.held,
      waiting: this.#admission.waiting,
      heapBytes: this.#engine.heapBytes(),
    };
  }

  fault(): EngineFailureReason | null {
    return this.#fault;
  }

  async retire(): Promise<void> {
    this.#retired = true;
    await until(
      () => {
        this.#admission.sweep();
        return this.#open === 0;
      },
      never,
      retirePollMs,
    );
    await this.#free();
  }

  /** Keeps the first fault, unless a later one ends the engine. */
  #failed(reason: EngineFailureReason): void {
    if (!isEngineFault(reason)) return;
    if (this.#fault === null || endsEngine(reason)) this.#fault = reason;
  }

  #closed(): void {
    this.#open -= 1;
    // The request that retired this ranker may be gone by now, so the last session frees the engine.
    if (this.#retired && this.#open === 0) void this.#free();
  }

  async #free(): Promise<void> {
    if (this.#freed) return;
    this.#freed = true;
    this.#prefixes.close();
    await this.#engine.close();
  }
}
