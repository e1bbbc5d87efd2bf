/** A row-major table of random content: what records a bench runs over. */
export interface DataSet {
  readonly name: string;
  readonly recordBytes: number;
  /** Bits of each field, laid one after the other from bit 0. */
  readonly widths: readonly number[];
  readonly seed: number;
}

/** 10 fields in 16 bytes: the narrow table of the figures in the documentation. */
export const T16: DataSet = {
  name: "t16",
  recordBytes: 16,
  widths: [4, 7, 10, 14, 17, 20, 9, 20, 16, 8],
  seed: 16,
};

/** 40 fields in 60 bytes. */
export const T60: DataSet = {
  name: "t60",
  recordBytes: 60,
  // 476 of 480 bits, 3 to 20 a field.
  widths: [
    ...[8, 10, 12, 20, 3, 17, 9, 14, 11, 16, 7, 13, 20, 5, 18, 10, 12, 6, 15, 19],
    ...[4, 11, 20, 8, 16, 9, 13, 17, 10, 3, 14, 12, 20, 7, 11, 15, 6, 18, 4, 13],
  ],
  seed: 60,
};

export interface FieldPlace {
  readonly bitOffset: number;
  readonly bitWidth: number;
}

export function placesOf(data: DataSet): readonly FieldPlace[] {
  let bit = 0;
  return data.widths.map((bitWidth) => {
    const bitOffset = bit;
    bit += bitWidth;
    return { bitOffset, bitWidth };
  });
}

/** xorshift32: the same numbers everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Fills records with uniformly random bits, so every value of every field is equally likely. */
export function fillRandom(words: Uint32Array, seed: number): void {
  let state = seed | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}
