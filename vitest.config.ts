/**
 * The projects of the tests: `unit` (core and Worker logic, in Node), `workerd` (the Worker, in workerd), `engine` and
 * `engine-node` (the shipped adapter with its engines, in workerd and in Node), `tools` (commands, documents, imports,
 * fuzz), `e2e` (`wrangler dev`).
 */
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { serveFile } from "./test/adapter/serveFile.node.ts";

const compatibilityDate = "2026-10-20";

/** vitest would leave a core free: of two only one would test. */
const maxWorkers = "100%";

/** Tests of test/adapter in Node that load whole weights, start processes or compile: seconds each. */
const engineInNode =
  "test/adapter/{bundle,engine,ids,lifetimes,onnxAborted,onnxMemory,parity,ranker,simdBuild}.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/{adapter,llm,net,tasks,worker}/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", engineInNode],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // A light main: ONNX Runtime, statically imported, would cost 10-20 s a test file.
        plugins: [
          cloudflareTest({
            main: "./test/worker/main.ts",
            wrangler: { configPath: "./wrangler.toml" },
            // Tests deliver by hand. The consumers of wrangler.toml cannot be taken away here, so the producer gets a queue
            // that has none: else they take lines too, and hold the next file up after this one has ended.
            miniflare: {
              queueProducers: { BATCH_QUEUE: "undelivered" },
              bindings: { OPEN_ON_LOCALHOST: "true" },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/worker/**/*.workerd.test.ts"],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: "./test/adapter/main.ts",
            miniflare: {
              compatibilityDate,
              r2Buckets: ["ADAPTERS"],
              modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"], fallthrough: true }],
              serviceBindings: { FILES: serveFile },
            },
          }),
        ],
        test: {
          name: "engine",
          include: ["test/adapter/**/*.workerd.test.ts"],
          maxWorkers,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "engine-node",
          include: [engineInNode],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "tools",
          include: ["test/*/**/*.test.ts"],
          exclude: ["test/{adapter,clients,e2e,llm,net,tasks,worker}/**"],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/clients/*.test.ts"],
          // Each has a Worker and an LLM of its own, on ports of its own.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
