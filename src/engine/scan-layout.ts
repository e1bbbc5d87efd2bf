import { needs } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, writeColumns } from "../kernel/column.ts";
import { maskBytes } from "../kernel/sizes.ts";
import { MAX_KERNEL_BYTES } from "../limits.ts";
import type { SelectColumn } from "../table/reduce-select.ts";
import { CONTROL_WORDS, PENDING, type ScanJob, type SlotPlaces, type ThreadPlaces } from "./scan-job.ts";

/** A field to be unpacked. */
export interface UnpackColumn {
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  /** Stored indexes that stand for something. */
  readonly entries: number;
}

/** What a scan does with every chunk. */
export interface ScanWork {
  readonly recordBytes: number;
  readonly rows: number;
  /** Rows of every chunk but the last, a multiple of 64. */
  readonly chunkRows: number;
  /** A record is chosen if each of these allows its index; all are if there is none. */
  readonly test: readonly SelectColumn[];
  /** Whether chosen records are handed out. */
  readonly records: boolean;
  /** Fields of the chosen records that are handed out as columns. */
  readonly unpack: readonly UnpackColumn[];
}

/** Slots a thread: while one is taken, another is filled. */
const SLOTS = 2;

/** Chunks are counted in int32 words. */
const MAX_CHUNKS = 2 ** 30;

/** Bytes that {@link layOutScan} takes of an arena. */
export function scanBytes(work: ScanWork, fromFile: boolean, threads: number): number {
  const { test, unpack, rows, chunkRows, records } = work;
  const chunks = Math.ceil(rows / chunkRows);
  needs(
    chunks <= MAX_CHUNKS,
    "LIMIT_EXCEEDED",
    `a scan in ${chunks} chunks is over ${MAX_CHUNKS}: take more rows a chunk`,
  );
  const chunk = Arena.sizeOf(chunkRows * work.recordBytes);
  const slot =
    (test.length > 0 ? Arena.sizeOf(maskBytes(chunkRows)) : 0) +
    (records ? chunk : 0) +
    unpack.length * Arena.sizeOf(4 * chunkRows);
  const own =
    Arena.sizeOf(test.length * COLUMN_BYTES) +
    Arena.sizeOf(unpack.length * COLUMN_BYTES) +
    (fromFile ? chunk : 0) +
    (choosesApart(work) ? chunk : 0);
  const tables = test.reduce((sum, { bits }) => sum + Arena.sizeOf(bits.byteLength), 0);
  const sum = tables + threads * (own + SLOTS * slot);
  needs(sum <= MAX_KERNEL_BYTES, "LIMIT_EXCEEDED", `scanning takes ${sum} bytes of memory, over ${MAX_KERNEL_BYTES}`, {
    hint: "use fewer threads",
  });
  return sum;
}

/** Chosen records that are unpacked lie in a place of the thread's own, unless they are handed out. */
function choosesApart({ test, unpack, records }: ScanWork): boolean {
  return test.length > 0 && unpack.length > 0 && !records;
}

/** Lays a scan out for so many threads: a job each, whose {@link ScanJob.own} differs. */
export function layOutScan(
  arena: Arena,
  work: ScanWork,
  from: Pick<ScanJob, "memory" | "fd" | "offset">,
  threads: number,
): ScanJob[] {
  const { recordBytes, rows, chunkRows, test, unpack } = work;
  const stride = recordBytes * 8;
  const bytes = chunkRows * recordBytes;
  const control = new Int32Array(new SharedArrayBuffer(4 * (CONTROL_WORDS + threads * SLOTS)));
  control.fill(PENDING, CONTROL_WORDS);
  const tables = test.map(({ bits }) => {
    const at = arena.alloc(bits.byteLength);
    arena.bytes(at, bits.byteLength).set(bits);
    return at;
  });
  const slots = Array.from(
    { length: threads * SLOTS },
    (): SlotPlaces => ({
      mask: test.length > 0 ? arena.alloc(maskBytes(chunkRows)) : 0,
      records: work.records ? arena.alloc(bytes) : 0,
      columns: unpack.map(() => arena.alloc(4 * chunkRows)),
    }),
  );
  const tested = test.map(({ bitOffset, bitWidth, bias, entries }, k) => {
    return { base: 0, stride, bitOffset, bitWidth, bias, table: tables[k]!, entries };
  });
  const unpacked = unpack.map((place) => ({ base: 0, stride, ...place }));
  const apart = (there: boolean): Pointer => (there ? arena.alloc(bytes) : 0);
  const common = { ...from, recordBytes, rows, chunkRows, tests: test.length, unpacks: unpack.length, slots, control };
  return Array.from({ length: threads }, () => {
    const own: ThreadPlaces = {
      tests: writeColumns(arena, tested),
      unpacks: writeColumns(arena, unpacked),
      chunk: apart(from.fd >= 0),
      chosen: apart(choosesApart(work)),
    };
    return { ...common, own };
  });
}
