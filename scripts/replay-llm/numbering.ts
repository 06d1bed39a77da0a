/**
 * Which candidate of a recording a request begins with.
 *
 * Number i where the request carries `X-Client-Request-Id: <anything>.<i>`: parallel calls and later
 * waves then get different candidates whatever their order, and a retry the same ones. Else for n > 1
 * the first; for n = 1 one after the other by a counter for each question, from the first again after
 * the last.
 */
import type { Recording } from "./recordings.ts";

export class Numbering {
  readonly #next = new Map<string, number>();

  /** @returns a number that may lie past the recording's last candidate only where the client named it */
  first(recording: Recording, n: number, clientRequestId: string | undefined): number {
    const named = /\.(\d{1,4})$/u.exec(clientRequestId ?? "")?.[1];
    if (named !== undefined) return Number(named);
    if (n > 1) return 0;
    const number = this.#next.get(recording.id) ?? 0;
    this.#next.set(recording.id, (number + 1) % recording.candidates.length);
    return number;
  }

  reset(): void {
    this.#next.clear();
  }
}
