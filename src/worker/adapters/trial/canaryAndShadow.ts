/**
 * An adapter's trial channels in one isolate. The canary answers its share of the requests; the shadow answers nobody,
 * it only chooses among candidates of answers that were given. Both are counted beside stable, for the guard.
 */
import type { Ranker } from "../../../adapter/ranker.ts";
import { abstainReason } from "../../../adapter/select/confidence.ts";
import type { WaitUntil } from "../../../net/sharedWork.ts";
import type { RankerSource } from "../source.ts";
import type {
  ChannelCounts,
  ChannelState,
  FinishedAnswer,
  RankedRequest,
  RequestKey,
  TrialChannels,
  TrialOptions,
} from "../trialChannels.ts";
import { Canary, CanarySource, inShare } from "./canary.ts";
import { Comparisons } from "./compare.ts";
import type { Guard } from "./guard.ts";
import { Tally } from "./tally.ts";
import { TrialChannel } from "./trialChannel.ts";

/** The share of wrong answers at which both sides' abstentions are compared. */
const JUDGED_ERROR = 0.1;

export class CanaryAndShadow implements TrialChannels {
  readonly canary: Canary;
  readonly shadow: TrialChannel;
  readonly #stable: TrialOptions["stable"];
  readonly #guard: Guard;
  readonly #tally: Tally;
  readonly #comparisons = new Comparisons();

  constructor({ stable, observe, ...shared }: TrialOptions, guard: Guard) {
    this.#stable = stable;
    this.#guard = guard;
    this.canary = new Canary({
      ...shared,
      guard,
      onChange: (fault) =>
        observe({ event: "adapter", channel: "canary", fault: fault?.kind ?? null }),
      onStop: ({ reason }) => observe({ event: "canary_stopped", reason }),
    });
    this.shadow = new TrialChannel({
      ...shared,
      channel: "shadow",
      onChange: (fault) =>
        observe({ event: "adapter", channel: "shadow", fault: fault?.kind ?? null }),
    });
    this.#tally = new Tally(guard, (trial, verdict) => this.canary.note(trial, verdict));
  }

  source(key: RequestKey): RankerSource {
    return new CanarySource(this.#stable, this.canary, key);
  }

  async refresh(waitUntil: WaitUntil): Promise<void> {
    const watches = [this.canary.channel.watch, this.shadow.watch];
    await Promise.all(watches.map((watch) => watch.begin(waitUntil)()));
  }

  async counts(): Promise<readonly ChannelCounts[] | null> {
    try {
      return (await this.#guard.overview(this.canary.trial?.serial ?? null)).counts;
    } catch {
      return null;
    }
  }

  states(): readonly ChannelState[] {
    const { stop, channel, serves } = this.canary;
    const stopped = stop && { reason: stop.reason, at: stop.at };
    const states = [
      ...stateOf("canary", channel, serves).map((state) =>
        stopped === null ? state : { ...state, state: "stopped" as const, stopped },
      ),
      ...stateOf("shadow", this.shadow, true),
    ];
    const { version } = this.#stable;
    return states.map((state) =>
      version !== null && state.version === version
        ? { ...state, state: "superseded" as const }
        : state,
    );
  }

  scored({ servedBy, version }: RankedRequest, failed: boolean, waitUntil: WaitUntil): void {
    const counts = { requests: 1, failures: failed ? 1 : 0 };
    this.#tally.add(this.canary.trial, servedBy, version, counts, waitUntil);
  }

  answered(ended: RankedRequest, outcome: FinishedAnswer, waitUntil: WaitUntil): void {
    const { servedBy, version } = ended;
    const failed = outcome.degraded !== null;
    const withheld = !failed && this.#withholds(servedBy, outcome.selection.confidence);
    const counts = {
      requests: 1,
      failures: failed ? 1 : 0,
      answers: !failed && !withheld ? 1 : 0,
      abstentions: withheld ? 1 : 0,
    };
    this.#tally.add(this.canary.trial, servedBy, version, counts, waitUntil);
    // A vote asks no adapter: all would choose the same.
    if (failed || outcome.strategy === "vote") return;
    if (servedBy === "canary") this.#compareCanary(ended, outcome, waitUntil);
    else waitUntil(this.#compareShadow(ended, outcome, waitUntil));
  }

  /**
   * Whether the version would withhold the answer at a wanted error rate that is the same for all requests: a caller's own
   * `abstain` says nothing of the version, and could end its trial. An answer without a confidence is none that is
   * withheld: that, too, depends on what the caller asks.
   */
  #withholds(servedBy: RankedRequest["servedBy"], confidence: number | null): boolean {
    const serving =
      servedBy === "canary" ? this.canary.channel.ready() : this.#stable.current()?.ranker;
    if (!serving || confidence === null) return false;
    const rule = { kind: "target_error", targetError: JUDGED_ERROR } as const;
    return abstainReason(rule, confidence, serving.manifest) !== null;
  }

  /** Lets stable choose as well, among the candidates of an answer that the canary gave. */
  #compareCanary(
    { requestId }: RankedRequest,
    outcome: FinishedAnswer,
    waitUntil: WaitUntil,
  ): void {
    const { trial, channel } = this.canary;
    const serving = channel.ready();
    if (trial === null || serving === null) return;
    if (!isSampled(trial.version, requestId, trial.bounds.compareShare)) return;
    const second = () => Promise.resolve<Ranker | null>(this.#stable.current()?.ranker ?? null);
    const work = this.#comparisons.run(serving, second, outcome, waitUntil).then((end) => {
      // That stable could not score is no fault of the canary.
      const compared = end === "same" || end === "other";
      const agreed = end === "same" ? 1 : 0;
      const counts = compared ? { compared: 1, agreed } : { dropped: 1 };
      this.#tally.add(trial, "canary", trial.version, counts, waitUntil);
    });
    waitUntil(work);
  }

  /** Lets the shadow choose as well, among the candidates of an answer that stable gave. */
  async #compareShadow(
    { requestId }: RankedRequest,
    outcome: FinishedAnswer,
    waitUntil: WaitUntil,
  ): Promise<void> {
    this.shadow.watch.begin(waitUntil);
    const { pointer, refused } = this.shadow;
    const serving = this.#stable.current()?.ranker ?? null;
    if (pointer === null || serving === null || pointer.version === this.#stable.version) return;
    const { version, share } = pointer;
    if (refused || !isSampled(version, requestId, share)) return;
    const load = () => this.shadow.load(waitUntil);
    const end = await this.#comparisons.run(serving, load, outcome, waitUntil);
    const counts = {
      requests: end === "dropped" ? 0 : 1,
      failures: end === "failed" ? 1 : 0,
      compared: end === "same" || end === "other" ? 1 : 0,
      agreed: end === "same" ? 1 : 0,
      dropped: end === "dropped" ? 1 : 0,
    };
    this.#tally.add(this.canary.trial, "shadow", version, counts, waitUntil);
  }
}

/** Another draw than that for the traffic, or those compared would be the same few each time. */
function isSampled(version: string, requestId: string, share: number): boolean {
  return inShare(`${version} compared`, requestId, share);
}

/** None where nothing was published. @param cleared nothing but its ranker is waited for */
function stateOf(
  name: "canary" | "shadow",
  channel: TrialChannel,
  cleared: boolean,
): ChannelState[] {
  const { pointer, fault, refused } = channel;
  if (pointer === null && fault === null) return [];
  const loaded = channel.ready() !== null;
  return [
    {
      channel: name,
      version: pointer?.version ?? null,
      serial: pointer?.serial ?? null,
      share: pointer?.share ?? 0,
      sticky: pointer?.sticky ?? null,
      state: refused || pointer === null ? "refused" : loaded && cleared ? "serving" : "loading",
      stopped: null,
      fault,
    },
  ];
}
