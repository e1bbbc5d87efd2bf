import { QErr } from "../errors.ts";
import { Arena } from "../kernel/arena.ts";
import { SYMBOL_FAULT } from "../kernel/kernel.ts";
import { createKernel, type KernelOptions } from "../kernel/wasm.ts";
import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolTable, TEXT } from "./symbols.ts";

/** Bytes from which on the kernel is worth its start, if the entries are texts. */
const KERNEL_BYTES = 512 * 1024;
/** Bytes the kernel sees at a time: they and the starts of their entries stay in the second-level cache. */
const WINDOW_BYTES = 64 * 1024;

/**
 * Finds where each entry of a stored symbol table begins (SPEC 3.4); nothing is decoded.
 * @param bytes exactly the field's `Length` bytes
 * @param count `NoOfSymbols`, already checked against the length
 * @param part for errors; `base` is the offset of `bytes` in the file
 * @throws `QVD_SYMBOL` on a type byte other than 1, 2, 4, 5, 6, an entry that does not end, or bytes left over
 */
export function parseSymbols(bytes: Uint8Array, count: number, part: string, base: number): SymbolTable {
  // Numbers are stepped over as fast as their starts can be written, in any language.
  const texts = bytes[0] !== undefined && bytes[0] >= TEXT;
  const found = texts && bytes.byteLength >= KERNEL_BYTES ? kernelSymbols(bytes, count) : undefined;
  return found ?? scriptSymbols(bytes, count, part, base);
}

/** {@link parseSymbols} in TypeScript, which is the one that says what is wrong. */
export function scriptSymbols(bytes: Uint8Array, count: number, part: string, base: number): SymbolTable {
  const starts = new Uint32Array(count + 1);
  const end = bytes.byteLength;
  let at = 0;
  let i = 0;
  while (i < count) {
    const kind = bytes[at];
    // Entries of one type come in runs.
    if (kind === INT || kind === DOUBLE) {
      const size = kind === INT ? 5 : 9;
      do {
        starts[i++] = at;
        at += size;
      } while (i < count && bytes[at] === kind);
      if (at > end) throw damaged("runs past the end", part, base + at - size);
    } else if (kind === TEXT || kind === DUAL_INT || kind === DUAL_DOUBLE) {
      const head = kind === TEXT ? 1 : kind === DUAL_INT ? 5 : 9;
      do {
        starts[i++] = at;
        at += head;
        while (at < end && bytes[at] !== 0) at++;
        if (at >= end) throw damaged("has a text without its closing NUL", part, base + starts[i - 1]!);
        at += 1;
      } while (i < count && bytes[at] === kind);
    } else if (kind === undefined) {
      throw damaged(`is missing: ${i} of ${count} are there`, part, base + at);
    } else {
      throw damaged(`has type byte ${kind}, which is none of 1, 2, 4, 5, 6`, part, base + at);
    }
  }
  if (at !== end) throw damaged(`is the last, but ${end - at} bytes follow it`, part, base + at);
  starts[count] = at;
  return { bytes, starts, count };
}

/**
 * {@link parseSymbols} with a kernel, window by window, so that the table itself needs no second copy; `undefined` if
 * the table is damaged or an entry is longer than a window.
 */
export function kernelSymbols(
  bytes: Uint8Array,
  count: number,
  options: { readonly build?: KernelOptions["build"]; readonly windowBytes?: number } = {},
): SymbolTable | undefined {
  const room = options.windowBytes ?? WINDOW_BYTES;
  // The shortest entry that ends within a window has two bytes.
  const most = Math.ceil(room / 2);
  const arenaBytes = Arena.sizeOf(room) + Arena.sizeOf(4 * (most + 1)) + Arena.sizeOf(12);
  const { arena, symbols } = createKernel({ arenaBytes, build: options.build });
  const window = arena.alloc(room);
  const begins = arena.alloc(4 * (most + 1));
  const report = arena.alloc(12);
  const windowBytes = arena.bytes(window, room);
  const windowStarts = arena.uint32(begins, most + 1);
  const starts = new Uint32Array(count + 1);
  let at = 0;
  let i = 0;
  while (i < count) {
    const length = Math.min(room, bytes.byteLength - at);
    windowBytes.set(bytes.subarray(at, at + length));
    const last = at + length === bytes.byteLength;
    const fault = symbols(window, length, Math.min(most, count - i), begins, report);
    const sound = fault === SYMBOL_FAULT.NONE || fault === SYMBOL_FAULT.MISSING;
    const cut = fault === SYMBOL_FAULT.CUT || fault === SYMBOL_FAULT.OPEN;
    // An entry that is cut by the end of a window begins the next one; so does one that found no room for its start.
    const goesOn = sound || (!last && cut) || fault === SYMBOL_FAULT.LEFT;
    const entries = arena.view.getUint32(report, true);
    if (!goesOn || entries === 0) {
      arena.wipe();
      return undefined;
    }
    for (let k = 0; k < entries; k++) starts[i + k] = at + windowStarts[k]!;
    i += entries;
    at += arena.view.getUint32(report + 4, true);
  }
  // The last window would stay in memory until somebody collects it, the symbols of a sealed field among others.
  arena.wipe();
  if (at !== bytes.byteLength) return undefined;
  starts[count] = at;
  return { bytes, starts, count };
}

function damaged(what: string, part: string, offset: number): QErr {
  return new QErr("QVD_SYMBOL", `${part}: an entry ${what}`, { part, offset });
}
