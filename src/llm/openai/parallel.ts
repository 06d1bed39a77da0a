/** Runs generators side by side, a bounded number at once, and yields what any of them yields. */

/**
 * @param limit how many run at once
 * @param start begins the work for one item; called when there is room for it
 */
export async function* inParallel<Item, Value>(
  items: readonly Item[],
  limit: number,
  start: (item: Item) => AsyncGenerator<Value, void>,
): AsyncGenerator<Value, void> {
  type Running = AsyncGenerator<Value, void>;
  const waiting = [...items];
  const next = new Map<Running, Promise<{ of: Running; step: IteratorResult<Value, void> }>>();
  const advance = (of: Running) => {
    next.set(
      of,
      of.next().then((step) => ({ of, step })),
    );
  };
  const fill = () => {
    for (const item of waiting.splice(0, limit - next.size)) advance(start(item));
  };
  try {
    fill();
    while (next.size > 0) {
      const { of, step } = await Promise.race(next.values());
      if (step.done) {
        next.delete(of);
        fill();
      } else {
        advance(of);
        yield step.value;
      }
    }
  } finally {
    // Not awaited: one that hangs in a read ends when its own signal fires, after this.
    for (const of of next.keys()) of.return().catch(() => undefined);
  }
}
