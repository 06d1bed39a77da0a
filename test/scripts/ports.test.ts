/** Ports for `npm start`: one that is in use is passed by, and so is one that was just promised to another server. */
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { freePort, tryPort } from "../../scripts/lib/ports.ts";

it("a free port is neither in use nor spoken for", async () => {
  const used = await freePort(18_720);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(used, "127.0.0.1", resolve));
  try {
    expect(await tryPort(used)).toBeNull();
    const worker = await freePort(used);
    expect(worker).not.toBe(used);
    const llm = await freePort(worker, [worker]);
    expect([used, worker]).not.toContain(llm);
  } finally {
    server.close();
  }
});
