/** What the server saw, so that tests can count it. */

export class Stats {
  /** Chat completion requests that arrived. */
  requests = 0;
  inFlight = 0;
  maxInFlight = 0;
  /** Choices of which something was sent, and those sent to their end. */
  choicesStarted = 0;
  choicesFinished = 0;
  /** Requests whose client left before the response was whole. */
  abortedConnections = 0;
  /** Requests that followed the redirect fault. */
  redirectsFollowed = 0;
  /** Bytes of event streams handed to the socket. */
  streamedBytes = 0;

  begin(): void {
    this.requests += 1;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
  }

  end(abortedByClient: boolean): void {
    this.inFlight -= 1;
    if (abortedByClient) this.abortedConnections += 1;
  }
}
