/** The part of WebAssembly's interface that is used here; Node's type definitions leave it to the browser's. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface Wasm {
  Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: Record<string, Record<string, WasmMemory>>,
  ) => { readonly exports: Record<string, unknown> };
}

export const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
