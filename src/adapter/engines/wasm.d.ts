/** Bundlers for Workers turn these imports into compiled modules (rule `CompiledWasm`). */
declare module "*/encoder.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "onnxruntime-web/ort-wasm-simd-threaded.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
