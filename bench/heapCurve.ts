/** What an isolate holds over time: JavaScript by its inspector, WebAssembly by what the engine says on `/readyz`. */

export interface HeapPoint {
  /** Seconds since the first point. */
  readonly at: number;
  /** Megabytes (2^20 bytes) in use; of JavaScript with what is not collected yet. */
  readonly jsMB: number;
  readonly wasmMB: number;
}

interface Inspected {
  readonly url: string;
  readonly inspector: number;
}

export class HeapCurve {
  readonly points: HeapPoint[] = [];
  readonly #socket: WebSocket;
  readonly #url: string;
  readonly #began = performance.now();
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: WebSocket, url: string) {
    this.#socket = socket;
    this.#url = url;
  }

  /** Looks every so many milliseconds, until stopped. */
  static async of({ url, inspector }: Inspected, everyMs: number): Promise<HeapCurve> {
    const list = await fetch(`http://127.0.0.1:${inspector}/json`);
    const [target] = (await list.json()) as { webSocketDebuggerUrl: string }[];
    if (target === undefined) throw new Error("the Worker has no inspector");
    // wrangler's inspector answers to origins of this machine; Node's WebSocket takes headers beside the standard.
    const options = { headers: { origin: "http://localhost" } } as unknown as string[];
    const socket = new WebSocket(target.webSocketDebuggerUrl, options);
    await new Promise((open, failed) => {
      socket.addEventListener("open", open);
      socket.addEventListener("error", () => failed(new Error("the inspector refused")));
    });
    const curve = new HeapCurve(socket, url);
    const look = () => void curve.#look().catch(() => {});
    curve.#timer = setInterval(look, everyMs);
    return curve;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  /** The highest sum from second `from` to second `to`. */
  peakMB(from: number, to: number): number {
    const within = this.points.filter(({ at }) => at >= from && at <= to);
    return Math.max(0, ...within.map(({ jsMB, wasmMB }) => jsMB + wasmMB));
  }

  /** Seconds that the curve has lasted. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  async #look(): Promise<void> {
    const [jsMB, wasmMB] = await Promise.all([this.#javaScript(), this.#webAssembly()]);
    this.points.push({ at: this.seconds, jsMB, wasmMB });
  }

  #javaScript(): Promise<number> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((found) => {
      const hear = ({ data }: MessageEvent) => {
        const message = JSON.parse(String(data));
        if (message.id !== id) return;
        this.#socket.removeEventListener("message", hear);
        found(message.result.usedSize / 2 ** 20);
      };
      this.#socket.addEventListener("message", hear);
      this.#socket.send(JSON.stringify({ id, method: "Runtime.getHeapUsage" }));
    });
  }

  async #webAssembly(): Promise<number> {
    const response = await fetch(`${this.#url}/readyz`);
    const { load } = (await response.json()) as { load: { all_heap_mb: number } | null };
    return ((load?.all_heap_mb ?? 0) * 1_000_000) / 2 ** 20;
  }
}

/** The curve in one line of text, between 0 and its highest point. */
export function sparkline(values: readonly number[], width = 60): string {
  const marks = "▁▂▃▄▅▆▇█";
  const most = Math.max(...values);
  const step = Math.max(1, values.length / width);
  const picked = Array.from({ length: Math.min(width, values.length) }, (_, at) => {
    return values[Math.floor(at * step)] ?? 0;
  });
  return picked.map((value) => marks[Math.min(7, Math.floor((value / most) * 8))]).join("");
}
