/** The ranker of a bundle that names an engine elsewhere: it renders texts, asks, and holds nothing but its questions. */
import type { Question } from "../../tasks/question.ts";
import { Admission, admissionDefaults } from "../admission.ts";
import type { Manifest } from "../manifest.ts";
import { until } from "../pause.ts";
import type { OpenFailure, RankedQuestion, Ranker, RankerLoad } from "../ranker.ts";
import { fail, ok, type Result } from "../result.ts";
import { candidateText, questionText } from "./pairText.ts";
import { RemoteQuestion } from "./remoteQuestion.ts";
import type { TextScorer } from "./textScorer.ts";

/** Questions at once. None holds memory of an engine, so there are more places than with one, and no line. */
const admission = { ...admissionDefaults, places: 64, queue: 0 };

const never = new AbortController().signal;
const retireLookMs = 50;

export class RemoteRanker implements Ranker {
  readonly manifest: Manifest;
  readonly #scorer: TextScorer;
  readonly #admission = new Admission(admission);
  #open = 0;
  #retired = false;

  constructor(manifest: Manifest, scorer: TextScorer) {
    this.manifest = manifest;
    this.#scorer = scorer;
  }

  open(question: Question, signal: AbortSignal): Result<RankedQuestion, OpenFailure> {
    if (this.#retired) return fail({ kind: "retired" });
    const query = questionText(this.manifest, question);
    if (!query.ok) return query;
    // The ticket needs a way to end the question, and the question needs the ticket.
    let underWay: RemoteQuestion | null = null;
    this.#admission.sweep();
    const ticket = this.#admission.enter(() => underWay?.close());
    if (!ticket.ok) return ticket;
    this.#open += 1;
    const hasOptions = question.options.length > 0;
    underWay = new RemoteQuestion({
      scorer: this.#scorer,
      ticket: ticket.value,
      query: query.value,
      render: (candidate) => candidateText(this.manifest, hasOptions, candidate),
      calibration: this.manifest.calibration,
      signal,
      closed: () => {
        this.#open -= 1;
      },
    });
    if (signal.aborted) underWay.close();
    return ok(underWay);
  }

  refusal(question: Question): OpenFailure | null {
    if (this.#retired) return { kind: "retired" };
    const query = questionText(this.manifest, question);
    return query.ok ? this.#admission.refusal() : query.failure;
  }

  load(): RankerLoad {
    return { held: this.#admission.held, waiting: 0, heapBytes: 0 };
  }

  /** A server's faults pass without us. */
  fault(): null {
    return null;
  }

  async retire(): Promise<void> {
    this.#retired = true;
    await until(
      () => {
        this.#admission.sweep();
        return this.#open === 0;
      },
      never,
      retireLookMs,
    );
  }
}
