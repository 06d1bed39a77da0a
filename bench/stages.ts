/** CPU time of this process by stage. */
export class Stages {
  readonly #spent = new Map<string, number>();

  sync<Value>(stage: string, work: () => Value): Value {
    const began = process.cpuUsage();
    const value = work();
    this.#add(stage, began);
    return value;
  }

  async async<Value>(stage: string, work: () => Promise<Value>): Promise<Value> {
    const began = process.cpuUsage();
    const value = await work();
    this.#add(stage, began);
    return value;
  }

  /** Milliseconds by stage, for each of `count`. */
  each(count: number): Record<string, number> {
    return Object.fromEntries([...this.#spent].map(([stage, us]) => [stage, us / 1000 / count]));
  }

  reset(): void {
    this.#spent.clear();
  }

  #add(stage: string, began: NodeJS.CpuUsage): void {
    const { user, system } = process.cpuUsage(began);
    this.#spent.set(stage, (this.#spent.get(stage) ?? 0) + user + system);
  }
}
