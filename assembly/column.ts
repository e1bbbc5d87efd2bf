// The column descriptor (src/kernel/column.ts), and reading one stored index. All addresses are bytes.

export const COLUMN_BYTES: usize = 128;

// @ts-ignore: decorator
@inline export function columnBase(c: usize): usize { return <usize>load<u32>(c, 0); }
// @ts-ignore: decorator
@inline export function columnStride(c: usize): u32 { return load<u32>(c, 4); }
// @ts-ignore: decorator
@inline export function columnOffset(c: usize): u32 { return load<u32>(c, 8); }
// @ts-ignore: decorator
@inline export function columnWidth(c: usize): u32 { return load<u32>(c, 12); }
// @ts-ignore: decorator
@inline export function columnBias(c: usize): i32 { return load<i32>(c, 16); }
// @ts-ignore: decorator
@inline export function columnTable(c: usize): usize { return <usize>load<u32>(c, 20); }
// @ts-ignore: decorator
@inline export function columnEntries(c: usize): u32 { return load<u32>(c, 24); }

/** Raises `beyond` for a stored index that has no entry. Kept out of line: it is never met in a sound file. */
// @ts-ignore: decorator
@inline export function noteBeyond(c: usize, stored: u32): void {
  const beyond: u32 = stored == u32.MAX_VALUE ? stored : stored + 1;
  if (beyond > load<u32>(c, 28)) store<u32>(c, beyond, 28);
}

/** ORs `seen` into `wrote`. */
export function noteWrote(c: usize, seen: u32): void {
  store<u32>(c, load<u32>(c, 52) | seen, 52);
}

/** Bits of a value of `width` 0-32. */
// @ts-ignore: decorator
@inline export function widthMask(width: u32): u32 {
  return width >= 32 ? u32.MAX_VALUE : (<u32>1 << width) - 1;
}

/** A stored index that begins `shift` 0-7 bits into byte `at`: one word if it fits, two if it may reach a fifth byte. */
// @ts-ignore: decorator
@inline export function storedNarrow(at: usize, shift: u32, mask: u32): u32 {
  return (load<u32>(at) >> shift) & mask;
}
// @ts-ignore: decorator
@inline export function storedWide(at: usize, shift: u32, mask: u32): u32 {
  return <u32>(load<u64>(at) >> <u64>shift) & mask;
}

/** The stored index of any row of any column: for loops that jump. */
// @ts-ignore: decorator
@inline export function storedAt(base: usize, bit: u32, mask: u32): u32 {
  return <u32>(load<u64>(base + <usize>(bit >> 3)) >> <u64>(bit & 7)) & mask;
}
