import { needs } from "../errors.ts";

/** Checks that `[offset, offset + length)` lies inside a source of `size` bytes. Throws `SOURCE_RANGE`. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  needs(inside && offset + length <= size, "SOURCE_RANGE", () => {
    return `range ${offset}+${length} is not inside ${name} (${size} bytes)`;
  });
}
