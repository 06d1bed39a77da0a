/**
 * Which module may import which, type imports included. `npm run check` and `npm test -- structure` run it.
 * dependency-cruiser parses with swc, which keeps type imports: TypeScript 7 has no API that it could use. So the option
 * `tsPreCompilationDeps` is not set; it would only print a warning that there is no older TypeScript.
 */

/** Folders of src/worker from the ground up. Each imports those before it, and itself. */
const layers = ["config", "http", "access", "ledger", "adapters", "plans", "answer"];

/** Folders of src/worker on top of the layers. None imports another of them. */
const tops = ["rerank", "responses", "batches", "feedback", "confidence"];

/** Folders of src/worker that can be deleted (test/structure): only the files directly in src/worker import them. */
const optional = ["batches", "feedback", "adapters/trial"];

const importsUpwards = layers.map((layer, at) => ({
  name: `worker-${layer}-imports-upwards`,
  severity: "error",
  from: { path: `^src/worker/${layer}/` },
  to: { path: `^src/worker/(${[...layers.slice(at + 1), ...tops].join("|")})/` },
}));

const importsSideways = tops.map((top) => ({
  name: `worker-${top}-imports-sideways`,
  severity: "error",
  from: { path: `^src/worker/${top}/` },
  to: { path: `^src/worker/(${tops.filter((other) => other !== top).join("|")})/` },
}));

const isOptional = optional.map((folder) => ({
  name: `worker-${folder.replace("/", "-")}-is-optional`,
  severity: "error",
  from: { path: "^src/", pathNot: [`^src/worker/${folder}/`, "^src/worker/[^/]+$"] },
  to: { path: `^src/worker/${folder}/` },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "src-imports-src-alone",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(scripts|test|bench)/" },
    },
    {
      name: "scripts-import-no-test",
      severity: "error",
      from: { path: "^scripts/" },
      to: { path: "^test/" },
    },
    {
      name: "src-needs-no-development-package",
      comment: "The pages are bundled when they are built, with what they need.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/pages/" },
      to: { dependencyTypes: ["npm-dev"] },
    },
    {
      name: "only-the-worker-knows-hono-and-cloudflare",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/worker/" },
      to: { path: "^cloudflare:|node_modules/(hono|@hono|@cloudflare)/" },
    },
    {
      name: "worker-imports-downwards",
      severity: "error",
      from: { path: "^src/worker/" },
      to: { path: "^src/", pathNot: "^src/(worker|llm|adapter|tasks|net)/" },
    },
    {
      name: "llm-and-adapter-import-downwards",
      severity: "error",
      from: { path: "^src/(llm|adapter)/" },
      to: { path: "^src/", pathNot: "^src/($1|tasks|net)/" },
    },
    {
      name: "tasks-and-net-import-themselves-alone",
      severity: "error",
      from: { path: "^src/(tasks|net)/" },
      to: { path: "^src/", pathNot: "^src/$1/" },
    },
    {
      name: "pages-import-types-alone",
      comment: "They run in a browser. They may know the types of the rest.",
      severity: "error",
      from: { path: "^src/pages/" },
      to: { path: "^src/", pathNot: "^src/pages/", dependencyTypesNot: ["type-only"] },
    },
    ...importsUpwards,
    ...importsSideways,
    ...isOptional,
    {
      name: "worker-folders-do-not-import-the-wiring",
      comment: "feature.ts is the type that every feature implements.",
      severity: "error",
      from: { path: "^src/worker/[^/]+/" },
      to: { path: "^src/worker/[^/]+$", pathNot: "^src/worker/feature[.]ts$" },
    },
  ],
  options: {
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^src/adapter/engines/simd/assembly/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "default"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
