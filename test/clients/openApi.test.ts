/** `/openapi.json` is what the service does: schemathesis with all its checks, and types made by openapi-typescript. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "./service.ts";

const adminToken = "admin-token-of-the-tests-of-the-document";
const bin = join(import.meta.dirname, "node_modules", ".bin");
const venv = dirname(process.env.PYTHON_VENV ?? ".venv/bin/python");
let service: Service;
let key: string;

beforeAll(async () => {
  const vars = {
    OPEN_ON_LOCALHOST: "false",
    ADMIN_TOKEN: adminToken,
    CONTENT_SECRET: "a content secret of 32 characters",
  };
  service = await startService(vars, 1_000_000);
  const response = await fetch(`${service.url}/v1/admin/keys`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({
      tenant: "t",
      scopes: ["answer", "rerank", "usage", "batch", "feedback:export"],
    }),
  });
  expect(response.status).toBe(201);
  ({ key } = (await response.json()) as { key: string });
});

afterAll(() => service?.stop());

/** What schemathesis has to complain of over the paths that match; empty where it ended well. */
async function complaints(token: string, paths: string): Promise<string> {
  const config = join(import.meta.dirname, "schemathesis.toml");
  const args = [
    ...["--config-file", config, "run", `${service.url}/openapi.json`],
    ...["--checks", "all", "--max-examples", "10", "--seed", "1"],
    ...["--include-path-regex", paths, "-H", `Authorization: Bearer ${token}`],
  ];
  const env = {
    ...process.env,
    NO_COLOR: "1",
    PYTHONPATH: import.meta.dirname,
    SCHEMATHESIS_HOOKS: "schemathesis_hooks",
  };
  const options = { cwd: service.folder, env, maxBuffer: 2 ** 26 };
  try {
    await promisify(execFile)(join(venv, "schemathesis"), args, options);
    return "";
  } catch (failed) {
    const { stdout = "", stderr = String(failed) } = failed as { stdout?: string; stderr?: string };
    const [, found] = /= FAILURES =+\n(.*?)\n=+ /su.exec(stdout) ?? [];
    const lines = (found ?? `${stdout}${stderr}`.slice(-4000)).split("\n");
    return lines.map((line) => line.slice(0, 300)).join("\n");
  }
}

describe("schemathesis finds no fault", () => {
  it("in what callers ask", { timeout: 300_000 }, async () => {
    expect(await complaints(key, "^/(v1/(?!admin)|healthz|readyz)")).toBe("");
  });

  it("in what the administrator asks", { timeout: 300_000 }, async () => {
    expect(await complaints(adminToken, "^/v1/admin")).toBe("");
  });
});

describe("openapi-typescript", () => {
  it("makes types that a client compiles against, and that catch its mistakes", async () => {
    const { folder, url } = service;
    const document = join(folder, "openapi.json");
    writeFileSync(document, await (await fetch(`${url}/openapi.json`)).text());
    // Without this flag it makes every field of a request that has a default a required one.
    const flags = ["--default-non-nullable=false", "-o", join(folder, "api.d.ts")];
    execFileSync(join(bin, "openapi-typescript"), [document, ...flags]);
    const client = (field: string) => `
      import type { paths } from "./api";
      type Answer = paths["/v1/answer"]["post"];
      type Body = Answer["requestBody"]["content"]["application/json"];
      type Reply = Answer["responses"][200]["content"]["application/json"];
      export async function ask(url: string): Promise<number | null> {
        const body: Body = { question: "Is it?", options: { yes: "yes", no: "no" }, k: 5, include: ["candidates"] };
        const response = await fetch(url + "/v1/answer", { method: "POST", body: JSON.stringify(body) });
        const reply = (await response.json()) as Reply;
        return reply.abstained ? null : reply.${field};
      }`;
    const compilerOptions = { strict: true, noEmit: true, lib: ["es2022", "dom"], types: [] };
    const project = { compilerOptions, files: ["client.ts"] };
    writeFileSync(join(folder, "client.json"), JSON.stringify(project));
    const compile = (field: string) => {
      writeFileSync(join(folder, "client.ts"), client(field));
      const args = ["-p", join(folder, "client.json")];
      return spawnSync(join(bin, "tsc"), args, { encoding: "utf8" });
    };
    const good = compile("confidence");
    expect(good.status, good.stdout).toBe(0);
    expect(compile("confidense").stdout).toContain("confidense");
  });
});
