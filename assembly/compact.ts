export function countRows(mask: usize, rows: u32): u32 {
  let count: u64 = 0;
  const end = mask + (<usize>((rows + 63) >> 6) << 3);
  for (; mask < end; mask += 8) count += popcnt(load<u64>(mask));
  return <u32>count;
}

/** Records are copied in steps of whole vectors; what is copied too much is written over by the next one. */
export function compact(records: usize, recordBytes: usize, rows: u32, mask: usize, out: usize): u32 {
  if (recordBytes == 0) return countRows(mask, rows);
  const start = out;
  const end = mask + (<usize>((rows + 63) >> 6) << 3);
  if (recordBytes <= 8) {
    for (; mask < end; mask += 8, records += recordBytes << 6) {
      for (let word = load<u64>(mask); word != 0; word &= word - 1) {
        store<u64>(out, load<u64>(records + <usize>ctz(word) * recordBytes));
        out += recordBytes;
      }
    }
  } else if (recordBytes <= 16) {
    for (; mask < end; mask += 8, records += recordBytes << 6) {
      for (let word = load<u64>(mask); word != 0; word &= word - 1) {
        copy16(out, records + <usize>ctz(word) * recordBytes);
        out += recordBytes;
      }
    }
  } else {
    for (; mask < end; mask += 8, records += recordBytes << 6) {
      for (let word = load<u64>(mask); word != 0; word &= word - 1) {
        const from = records + <usize>ctz(word) * recordBytes;
        for (let i: usize = 0; i < recordBytes; i += 16) copy16(out + i, from + i);
        out += recordBytes;
      }
    }
  }
  return <u32>((out - start) / recordBytes);
}

// @ts-ignore: decorator
@inline export function copy16(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.load(from));
  } else {
    const a = load<u64>(from);
    const b = load<u64>(from, 8);
    store<u64>(to, a);
    store<u64>(to, b, 8);
  }
}
