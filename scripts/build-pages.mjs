/**
 * Builds the Worker's static assets into dist/pages: playground, API reference, examples. wrangler calls it before it
 * bundles the Worker (`[build]` in wrangler.toml).
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { unsignedWarning } from "./lib/warnUnsigned.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const pages = join(root, "src", "pages");
const out = join(root, "dist", "pages");
/** How many examples of a task also bring their texts, for the form that ranks. */
const WITH_TEXTS = 2;

const recorded = join(root, "examples", "recorded");
const examples = readdirSync(recorded)
  .filter((name) => name.endsWith(".jsonl"))
  .flatMap((name) =>
    readFileSync(join(recorded, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line, at) => exampleOf(JSON.parse(line), at < WITH_TEXTS)),
  );

function exampleOf({ id, task, question, options, context, candidates }, withTexts) {
  return {
    id,
    task,
    question,
    options: Object.entries(options ?? {}).map(([label, text]) => ({ label, text })),
    ...(context === null ? {} : { context }),
    ...(withTexts ? { texts: candidates.slice(0, 8).map(({ text }) => text) } : {}),
  };
}

const warning = unsignedWarning(process.env.WRANGLER_COMMAND, join(root, "wrangler.toml"));
if (warning !== null) console.warn(warning);

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "docs"), { recursive: true });
await build({
  entryPoints: {
    playground: join(pages, "playground", "main.ts"),
    "docs/reference": join(pages, "docs", "reference.ts"),
  },
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  logLevel: "warning",
});
for (const name of ["index.html", "style.css"]) {
  cpSync(join(pages, "playground", name), join(out, name));
}
for (const name of ["_headers", "icon.svg"]) cpSync(join(pages, name), join(out, name));
cpSync(join(pages, "docs", "index.html"), join(out, "docs", "index.html"));
const scalar = join(root, "node_modules", "@scalar", "api-reference", "dist", "browser");
cpSync(join(scalar, "standalone.js"), join(out, "docs", "scalar.js"));
writeFileSync(join(out, "examples.json"), JSON.stringify(examples));
