/** Bundlers for Workers turn this import into a compiled module (rule `CompiledWasm`). */
declare module "*/encoder.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
