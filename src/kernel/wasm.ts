import { ARENA_BASE, Arena } from "./arena.ts";
import type { Kernel, SymbolFault } from "./kernel.ts";
import { bestBuild, kernelCode, sharedCode, type WasmBuild } from "./module.ts";
import { referenceKernel } from "./reference.ts";

const PAGE = 65_536;
/** What the module declares as the most (asconfig.json): all that 32-bit addresses reach. */
const MAX_PAGES = 65_536;

export interface KernelOptions {
  /** Bytes of the arena, slack included: the sum of `Arena.sizeOf` of what will be in it. */
  readonly arenaBytes: number;
  /** Which build; the best that runs here if left out. */
  readonly build?: WasmBuild | "reference" | undefined;
  /** Memory that other threads can have too. */
  readonly shared?: boolean | undefined;
}

/** What the module exports; see `assembly/index.ts`. Unsigned results come as int32. */
interface Exports {
  readonly unpack: Kernel["unpack"];
  readonly pack: Kernel["pack"];
  readonly test: (columns: number, count: number, rows: number, mask: number, refine: number) => void;
  readonly scatter: Kernel["scatter"];
  readonly renumber: Kernel["renumber"];
  readonly number: Kernel["number"];
  readonly settle: Kernel["settle"];
  readonly repack: Kernel["repack"];
  readonly compact: Kernel["compact"];
  readonly countRows: Kernel["countRows"];
  readonly crc32c: Kernel["crc32c"];
  readonly utf8: Kernel["utf8"];
  readonly symbols: Kernel["symbols"];
  readonly symbolsUtf8: Kernel["symbolsUtf8"];
  readonly evenLength: Kernel["evenLength"];
  readonly numberedLengths: Kernel["numberedLengths"];
  readonly offsetsOf: Kernel["offsetsOf"];
  readonly placeEntries: Kernel["placeEntries"];
  readonly zero: Kernel["zero"];
  readonly copy: Kernel["copy"];
  readonly init: () => void;
}

/**
 * A kernel with a memory of its own. Without WebAssembly it is the one in TypeScript, which does the same more slowly.
 * @throws RangeError if the memory cannot be had
 */
export function createKernel(options: KernelOptions): Kernel {
  const build = options.build ?? bestBuild() ?? "reference";
  const shared = options.shared ?? false;
  const pages = Math.ceil((ARENA_BASE + options.arenaBytes) / PAGE);
  if (build === "reference") {
    return referenceKernel(options.arenaBytes, shared ? new SharedArrayBuffer(pages * PAGE) : undefined);
  }
  const maximum = shared ? pages : MAX_PAGES;
  return attachKernel(new WebAssembly.Memory({ initial: pages, maximum, shared }), build);
}

/** A kernel over a memory that is there, such as one that another thread made; the arena begins anew. */
export function attachKernel(memory: WebAssembly.Memory, build: WasmBuild): Kernel {
  const shared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
  return attachModule(memory, compileKernel(build, shared), build);
}

/** A module for many instances, in other threads too; `shared` as the memory it will have. */
export function compileKernel(build: WasmBuild, shared: boolean): WebAssembly.Module {
  const code = kernelCode(build);
  return new WebAssembly.Module(shared ? sharedCode(code) : code);
}

/** {@link attachKernel} with a module of {@link compileKernel}. */
export function attachModule(memory: WebAssembly.Memory, module: WebAssembly.Module, build: WasmBuild): Kernel {
  // The one place where the module's types are taken on trust; the parity suite holds them.
  const raw = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
  raw.init();
  const {
    unpack,
    pack,
    scatter,
    renumber,
    number,
    settle,
    repack,
    compact,
    numberedLengths,
    placeEntries,
    zero,
    copy,
  } = raw;
  return {
    build,
    arena: new Arena(memory.buffer),
    unpack,
    pack,
    test: (columns, count, rows, mask, refine) => raw.test(columns, count, rows, mask, refine ? 1 : 0),
    scatter,
    renumber,
    number,
    settle,
    repack,
    compact: (records, recordBytes, rows, mask, out) => compact(records, recordBytes, rows, mask, out) >>> 0,
    countRows: (mask, rows) => raw.countRows(mask, rows) >>> 0,
    crc32c: (at, length, crc) => raw.crc32c(at, length, crc) >>> 0,
    utf8: (at, length) => raw.utf8(at, length) >>> 0,
    symbols: (at, length, count, starts, report) => raw.symbols(at, length, count, starts, report) as SymbolFault,
    symbolsUtf8: (at, starts, count) => raw.symbolsUtf8(at, starts, count) >>> 0,
    evenLength: (starts, count) => raw.evenLength(starts, count) >>> 0,
    numberedLengths,
    offsetsOf: (lengths, count) => raw.offsetsOf(lengths, count) >>> 0,
    placeEntries,
    zero,
    copy,
  };
}
