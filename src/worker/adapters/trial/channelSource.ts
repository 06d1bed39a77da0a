/** The ranker of a request that pinned no version: the canary's where the request is of its share, else stable's. */
import type { WaitUntil } from "../../http/waiting.ts";
import type { AdapterHost } from "../host.ts";
import type { AdapterFault, RankerSource, Served } from "../source.ts";
import type { Canary, RequestKey } from "./canary.ts";

export class ChannelSource implements RankerSource {
  readonly #stable: AdapterHost;
  readonly #canary: Canary;
  readonly #key: RequestKey;

  constructor(stable: AdapterHost, canary: Canary, key: RequestKey) {
    this.#stable = stable;
    this.#canary = canary;
    this.#key = key;
  }

  async refresh(waitUntil: WaitUntil): Promise<void> {
    const { channel } = this.#canary;
    const looking = Promise.all([
      this.#stable.refresh(waitUntil),
      channel.watch.refresh(waitUntil),
    ]);
    // Whoever has a ranker waits for no look, least of all for one that another request began.
    if (this.ready() !== null) return;
    await looking;
    if (!this.#isCanarys() || channel.ready() !== null) return;
    const loading = channel.load();
    waitUntil(loading);
    await loading;
  }

  ready(): Served | null {
    if (this.#stable.stale || this.#canary.channel.watch.stale) return null;
    if (this.#isCanarys() && this.#canary.channel.ready() === null) return null;
    return this.current();
  }

  current(): Served | null {
    const ranker = this.#isCanarys() ? this.#canary.channel.ready() : null;
    return ranker === null ? this.#stable.current() : { ranker, servedBy: "canary" };
  }

  fault(): AdapterFault | null {
    return this.#stable.fault();
  }

  /** A canary that stable has caught up with is none. */
  #isCanarys(): boolean {
    const same = this.#canary.channel.pointer?.version === this.#stable.version;
    return !same && this.#canary.takes(this.#key);
  }
}
