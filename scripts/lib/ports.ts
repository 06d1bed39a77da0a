/** Free TCP ports on the loopback interface. */
import { type AddressInfo, createServer } from "node:net";

/** The port if it can be bound, else null. Port 0 asks the system for any. */
export function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

/**
 * The wished port, else one of the 20 after it, else any.
 * @param taken ports that are spoken for, but not bound yet
 */
export async function freePort(wished: number, taken: readonly number[] = []): Promise<number> {
  for (let port = wished; port < wished + 20; port += 1) {
    if (!taken.includes(port) && (await tryPort(port)) !== null) return port;
  }
  const any = await tryPort(0);
  if (any === null) throw new Error("no free port on the loopback interface");
  return any;
}
