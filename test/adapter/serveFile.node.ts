/** Gives tests inside workerd the repository's bundles and golden files, which they cannot open themselves. */
import { readFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { Response } from "miniflare";
import { bundlePath, fixturePath, recordedPath } from "./paths.node.ts";

const roots: Readonly<Record<string, string>> = {
  bundle: bundlePath,
  fixtures: fixturePath,
  recorded: recordedPath,
};

/** `GET /bundle/<file>`, `/fixtures/<file>`, `/recorded/<file>`; 404 for anything else. */
export async function serveFile(request: { readonly url: string }): Promise<Response> {
  const [, name = "", ...rest] = normalize(new URL(request.url).pathname).split("/");
  const root = roots[name];
  if (root === undefined) return new Response(null, { status: 404 });
  try {
    return new Response(await readFile(join(root, ...rest)));
  } catch {
    return new Response(null, { status: 404 });
  }
}
