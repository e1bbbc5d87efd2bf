import { SCALAR_CODE, SIMD_CODE } from "./code.gen.ts";

/** A build of the kernel as WebAssembly. */
export type WasmBuild = "scalar" | "simd";

/** The embedded bytes of a build. */
export function kernelCode(build: WasmBuild): Uint8Array<ArrayBuffer> {
  const text = atob(build === "simd" ? SIMD_CODE : SCALAR_CODE);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The best build that runs here; `undefined` where WebAssembly is missing. */
export function bestBuild(): WasmBuild | undefined {
  if (typeof WebAssembly === "undefined") return undefined;
  if (WebAssembly.validate(kernelCode("simd"))) return "simd";
  return WebAssembly.validate(kernelCode("scalar")) ? "scalar" : undefined;
}

const IMPORT_SECTION = 2;
const MEMORY_IMPORT = 2;
const HAS_MAXIMUM = 1;
const SHARED = 2;

/**
 * The same code for a memory that several threads share: a module must say so of the memory it imports (limits flag 3
 * in place of 1; WebAssembly threads proposal, "Spec Changes"), and nothing else differs.
 */
export function sharedCode(code: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const shared = code.slice();
  const at = memoryLimits(code);
  if (code[at] !== HAS_MAXIMUM) throw new TypeError("kernel code: its memory is not imported with a maximum");
  shared[at] = HAS_MAXIMUM | SHARED;
  return shared;
}

/** Offset of the flags of the first import, which is the memory. */
function memoryLimits(code: Uint8Array): number {
  let at = 8; // magic number and version
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = code[at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (code[at++] !== IMPORT_SECTION) {
    const length = number();
    at += length;
    if (at >= code.byteLength) throw new TypeError("kernel code: it imports nothing");
  }
  number(); // length of the section
  number(); // imports in it
  const moduleName = number();
  at += moduleName;
  const name = number();
  at += name;
  if (code[at++] !== MEMORY_IMPORT) throw new TypeError("kernel code: its first import is not a memory");
  return at;
}
