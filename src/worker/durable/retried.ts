/** Calls of Durable Objects that do the same however often they are made. */

const TRIES = 3;

/** The call's value; an object that was lost on the way is asked again. Throws what the last try throws. */
export async function retried<Value>(call: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50 * tries));
    }
  }
}
