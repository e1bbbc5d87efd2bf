import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, writeColumns } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { maskBytes } from "../kernel/sizes.ts";
import { createKernel, type KernelOptions } from "../kernel/wasm.ts";
import { allBits, type Bits } from "../table/model-bits.ts";
import type { RowOps } from "./semijoin.ts";

/** Rows copied at a time: 256 KiB of a column, so that what was copied is still in the cache when it is looked at. */
const CHUNK_ROWS = 65_536;

export interface KernelOpsOptions extends Pick<KernelOptions, "build"> {
  /** Rows of a column in linear memory at a time, a multiple of 64; 65,536 if left out. */
  readonly chunkRows?: number | undefined;
}

/**
 * The loops in the kernel, over chunks of 32-bit columns. Linear memory holds one chunk, its row mask and one set of
 * values at a time, whatever the rows of the table; nothing of an app stays there from one user to the next. The
 * copying costs about what the kernel saves over TypeScript (`bench/access.ts`); key columns that stay there would save
 * it, take their memory a second time, and could not be wiped.
 *
 * Made when first used. One at a time: the calls of two reductions must not mix.
 */
export class KernelOps implements RowOps {
  readonly #build: KernelOptions["build"];
  readonly #chunkRows: number;
  #kernel: Kernel | undefined;
  #calls = 0;
  #saved = 0;

  constructor(options: KernelOpsOptions = {}) {
    this.#build = options.build;
    this.#chunkRows = options.chunkRows ?? CHUNK_ROWS;
    if (this.#chunkRows % 64 !== 0 || this.#chunkRows <= 0) {
      throw new RangeError("rows are copied in multiples of 64, since a mask has 64-bit words");
    }
  }

  /** The linear memory, to look into; `undefined` before the first use. */
  get memory(): ArrayBufferLike | undefined {
    return this.#kernel?.arena.buffer;
  }

  /** Runs of rows that the kernel went through. */
  get calls(): number {
    return this.#calls;
  }

  test(index: Int32Array, state: Bits, rows: Bits): void {
    this.#run("test", index, state, rows);
  }

  scatter(index: Int32Array, rows: Bits, state: Bits): void {
    this.#run("scatter", index, state, rows);
  }

  saved(): number {
    return this.#saved;
  }

  spend(runs: number): void {
    const nothing = new Int32Array(this.#chunkRows);
    for (let n = 0; n < runs; n++) this.#run("test", nothing, new Uint32Array(1), allBits(nothing.length));
  }

  /** Overwrites with zeros whatever linear memory held. */
  wipe(): void {
    this.#kernel?.arena.wipe();
  }

  #run(what: "test" | "scatter", index: Int32Array, state: Bits, rows: Bits): void {
    const kernel = this.#roomFor(state.length);
    const { arena } = kernel;
    const mark = arena.mark();
    const at = placesIn(arena, this.#chunkRows, state.length);
    const table = arena.uint32(at.table, state.length);
    withoutNull(state, table);
    for (let first = 0; first < index.length; first += this.#chunkRows) {
      const count = Math.min(this.#chunkRows, index.length - first);
      const mine = rows.subarray(first / 32, Math.ceil((first + count) / 32));
      const fill = fillOf(mine, count);
      if (fill === "none") {
        this.#saved++;
        continue;
      }
      this.#calls++;
      arena.int32(at.index, count).set(index.subarray(first, first + count));
      const mask = arena.uint32(at.mask, maskBytes(count) / 4);
      mask.fill(0);
      mask.set(mine);
      if (what === "test") {
        kernel.test(at.column, 1, count, at.mask, fill === "some");
        mine.set(mask.subarray(0, mine.length));
      } else {
        kernel.scatter(at.column, 1, count, fill === "some" ? at.mask : 0);
      }
    }
    // A stored index beyond the table is NULL (2^32 - 1): it is in no set, and what it raises tells that it was met.
    if (what === "scatter") intoState(table, getColumn(arena, at.column, "beyond") !== 0, state);
    arena.release(mark);
  }

  /** The kernel; a new one where the set of values is larger than any before. */
  #roomFor(stateWords: number): Kernel {
    const needed = bytesFor(this.#chunkRows, stateWords);
    if (this.#kernel === undefined || this.#kernel.arena.capacity < needed) {
      this.wipe();
      this.#kernel = createKernel({ arenaBytes: needed, build: this.#build });
    }
    return this.#kernel;
  }
}

interface Places {
  readonly index: Pointer;
  readonly mask: Pointer;
  readonly table: Pointer;
  readonly column: Pointer;
}

function bytesFor(chunkRows: number, stateWords: number): number {
  const sizes = [4 * chunkRows, maskBytes(chunkRows), 4 * stateWords, COLUMN_BYTES];
  return sizes.reduce((sum, bytes) => sum + Arena.sizeOf(bytes), 0);
}

/** An int32 column as the kernel sees it: stored index = symbol, NULL beyond every table. */
function placesIn(arena: Arena, chunkRows: number, stateWords: number): Places {
  const index = arena.alloc(4 * chunkRows);
  const mask = arena.alloc(maskBytes(chunkRows));
  const table = arena.alloc(4 * stateWords);
  const column = writeColumns(arena, [{ base: index, stride: 32, bitOffset: 0, bitWidth: 32, bias: 0, table }]);
  setColumn(arena, column, "entries", 32 * stateWords - 1);
  return { index, mask, table, column };
}

/** A state without its bit for NULL: value `v` at bit `v`. */
function withoutNull(state: Bits, table: Uint32Array): void {
  const last = state.length - 1;
  for (let w = 0; w < last; w++) table[w] = (state[w]! >>> 1) | (state[w + 1]! << 31);
  table[last] = state[last]! >>> 1;
}

function intoState(table: Uint32Array, sawNull: boolean, state: Bits): void {
  let carry = sawNull ? 1 : 0;
  for (let w = 0; w < state.length; w++) {
    state[w]! |= (table[w]! << 1) | carry;
    carry = table[w]! >>> 31;
  }
}

function fillOf(mask: Bits, rows: number): "none" | "all" | "some" {
  let union = 0;
  let common = -1;
  const whole = rows >>> 5;
  for (let w = 0; w < whole; w++) {
    union |= mask[w]!;
    common &= mask[w]!;
  }
  if (rows % 32 !== 0) {
    const last = mask[whole]!;
    union |= last;
    if (last !== 2 ** (rows % 32) - 1) common = 0;
  }
  return union === 0 ? "none" : common === -1 ? "all" : "some";
}
