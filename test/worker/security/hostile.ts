/** What a hostile caller puts into requests: URLs in texts, and fields that would make it somebody else. */
import fc from "fast-check";

/** URLs of other hosts, for any text. */
export const hostile = fc.constantFrom(
  "http://evil.example/v1",
  "https://evil.example:8443/jwks.json",
  "//evil.example/",
  "http://169.254.169.254/latest/meta-data/",
  "http://127.0.0.1:8788@evil.example/v1",
  "http://[::1]:22/evil",
  "file:///etc/evil",
);

/** Fields that other services take a URL in. */
export const fields =
  "base_url baseURL llm_base_url api_base endpoint url webhook callback_url image_url jwks_uri proxy host";

/** Values that are valid for fields of ours. */
export const known = {
  model: "replay",
  adapter: "mini",
  task: "yesno",
  role: "user",
  type: "text",
  question: "Is water wet?",
  options: { yes: "yes", no: "no" },
  k: 2,
  max_k: null,
  n: 1,
  top_p: 1,
  strategy: "vote",
  abstain: null,
  include: ["texts"],
  stream: false,
  ...Object.fromEntries(
    "tools tool_choice functions function_call response_format logprobs top_logprobs modalities audio"
      .split(" ")
      .map((name) => [name, null]),
  ),
};

const evil = "https://evil.example/v1";

/** Fields that nobody described, with values that would change who calls or what is asked. */
export const extras: [string, unknown][] = [
  ["tenant", "other"],
  ["scopes", ["feedback:trusted", "feedback:export"]],
  ["trusted", true],
  ["quota", null],
  ["keyId", "open"],
  ["principal", "open"],
  ["how", "open"],
  ["llm_base_url", evil],
  ["base_url", evil],
  ["api_key", "sk-other"],
  ["jwks_url", evil],
  ["adapter_version", "0"],
  ["requestId", "req_1"],
];
