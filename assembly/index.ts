// The kernel's exports. Only numbers cross: addresses (usize), counts (u32), and the results. The functions are
// described in src/kernel/kernel.ts, the column descriptor in src/kernel/column.ts.
//
//   unpack         (columns, count, rows)
//   pack           (columns, count, rows)
//   test           (columns, count, rows, mask, refine)
//   scatter        (columns, count, rows, mask)
//   renumber       (columns, count, rows)
//   number         (columns, count, rows)
//   settle         (column)
//   repack         (columns, count, rows, out, toStride)
//   compact        (records, recordBytes, rows, mask, out)              -> records kept
//   countRows      (mask, rows)                                         -> rows
//   crc32c         (at, length, crc)                                    -> crc
//   utf8           (at, length)                                         -> well-formed bytes
//   symbols        (at, length, count, starts, report)                  -> fault
//   symbolsUtf8    (at, starts, count)                                  -> first bad entry, or count
//   evenLength       (starts, count)                                    -> bytes of each entry, or 0
//   numberedLengths  (starts, count, numbers, lengths)
//   offsetsOf        (lengths, count)                                   -> bytes
//   placeEntries     (at, starts, count, numbers, offsets, length, out)
//   zero           (at, length)
//   copy           (to, from, length)
//   init           ()                                                   fills the constant tables, once an instance
//
// Memory: 0 - 64 KiB belongs to the kernel (constant tables from 1 KiB on), the arena lies above. There is no heap, no
// managed object and no stack in linear memory. Unsigned results cross as signed 32-bit numbers.

export { unpack } from "./unpack";
export { pack } from "./pack";
// The loops are exported so that they stay functions of their own: put together, they run out of registers and take twice
// as long.
export { repack, repackBytes, repackMapped } from "./repack";
export { test } from "./test";
export { scatter } from "./scatter";
export { renumber } from "./renumber";
export { number, settle } from "./number";
export { compact, countRows } from "./compact";
export { crc32c, init } from "./crc32c";
export { utf8 } from "./utf8";
export { symbols, symbolsUtf8 } from "./symbols";
export { evenLength, numberedLengths, offsetsOf, placeEntries } from "./place";

export function zero(at: usize, length: usize): void {
  memory.fill(at, 0, length);
}

export function copy(to: usize, from: usize, length: usize): void {
  memory.copy(to, from, length);
}
