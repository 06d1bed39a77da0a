/** The head of `/openapi.json`; its paths and schemas come from the routes themselves. */
export const openApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "MedAdapter Edge",
    version: "0.1.0",
    description:
      "Medical questions answered by a frozen LLM, its candidates ranked by a small adapter, with a calibrated confidence. Not medical advice.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  security: [{ bearer: [] }],
  tags: [
    { name: "Answers", description: "Ask, chat, score." },
    { name: "Usage and keys", description: "What was used, and who may call." },
    { name: "Service", description: "Probes." },
  ],
};

/** How callers show who they are; nothing is asked for on an open localhost. */
export const bearerScheme = {
  type: "http" as const,
  scheme: "bearer",
  description: "An API key (`ma_...`) or a JWT of the configured issuer.",
};
