/** Scalar's API reference over `/openapi.json`. Everything comes from this Worker's own assets. */
declare const Scalar: {
  createApiReference(selector: string, options: object): void;
};

Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: "never",
  agent: { disabled: true },
  mcp: { disabled: true },
});
