/** Bundlers for Workers turn this import into a compiled module (rule `CompiledWasm`). */
declare module "onnxruntime-web/ort-wasm-simd-threaded.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
