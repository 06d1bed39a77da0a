/** The ranker of a request that pinned no version: the canary's where the request is of its share, else stable's. */
import type { Ranker } from "../../../adapter/ranker.ts";
import type { WaitUntil } from "../../http/waiting.ts";
import type { AdapterHost } from "../host.ts";
import type { RankerSource, ServedBy } from "../source.ts";
import type { Canary, RequestKey } from "./canary.ts";

export class ChannelSource implements RankerSource {
  readonly #stable: AdapterHost;
  readonly #canary: Canary;
  readonly #key: RequestKey;
  #servedBy: ServedBy = "stable";

  constructor(stable: AdapterHost, canary: Canary, key: RequestKey) {
    this.#stable = stable;
    this.#canary = canary;
    this.#key = key;
  }

  get servedBy(): ServedBy {
    return this.#servedBy;
  }

  async look(waitUntil: WaitUntil): Promise<void> {
    const { channel } = this.#canary;
    const looking = Promise.all([this.#stable.look(waitUntil), channel.watch.look(waitUntil)]);
    // Whoever has a ranker waits for no look, least of all for one that another request began.
    if (this.peek() !== null) return;
    await looking;
    if (!this.#isCanarys() || channel.peek() !== null) return;
    const loading = channel.load();
    waitUntil(loading);
    await loading;
  }

  peek(): Ranker | null {
    if (this.#stable.stale || this.#canary.channel.watch.stale) return null;
    if (this.#isCanarys() && this.#canary.channel.peek() === null) return null;
    return this.settled();
  }

  settled(): Ranker | null {
    const canary = this.#isCanarys() ? this.#canary.channel.peek() : null;
    this.#servedBy = canary === null ? "stable" : "canary";
    return canary ?? this.#stable.peek();
  }

  status(): { readonly fault: ReturnType<AdapterHost["status"]>["fault"] } {
    return this.#stable.status();
  }

  /** A canary that stable has caught up with is none. */
  #isCanarys(): boolean {
    const same = this.#canary.channel.pointer?.version === this.#stable.version;
    return !same && this.#canary.takes(this.#key);
  }
}
