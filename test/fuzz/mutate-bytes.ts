import { concat } from "../../src/bytes/concat.ts";
import type { Random } from "./random.ts";
import type { Mutator } from "./target.ts";

const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  8,
  16,
  31,
  32,
  63,
  64,
  127,
  128,
  255,
  256,
  511,
  512,
  1023,
  1024,
  4095,
  4096,
  32767,
  32768,
  65535,
  65536,
  262144,
  2 ** 24,
  2 ** 26,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 2,
  2 ** 32 - 1,
];
const TEXT_NUMBERS = [
  "",
  "0",
  "1",
  "-1",
  "2",
  "3",
  "8",
  "9",
  "32",
  "33",
  "64",
  "255",
  "65536",
  "1048577",
  "2147483647",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551616",
  "1e3",
  "1e309",
  "0.1",
  "00",
  "+1",
  " 1",
  "0x10",
  "NaN",
];
const BYTES = [
  0, 1, 2, 4, 5, 6, 9, 10, 13, 32, 34, 38, 39, 44, 45, 48, 58, 59, 60, 62, 92, 123, 127, 128, 192, 237, 244, 255,
];

/** A place and a length inside `data`, short ones most often. */
function range(data: Uint8Array, random: Random): readonly [at: number, length: number] {
  const at = random.below(data.byteLength);
  const most = Math.min(data.byteLength - at, random.pick([1, 2, 4, 8, 16, 64, 512, 4096]));
  return [at, 1 + random.below(most)];
}

function spliced(data: Uint8Array, at: number, remove: number, put: Uint8Array): Uint8Array {
  return concat([data.subarray(0, at), put, data.subarray(Math.min(data.byteLength, at + remove))]);
}

const flipBit: Mutator = (data, random) => {
  const out = data.slice();
  if (out.byteLength > 0) out[random.below(out.byteLength)]! ^= 1 << random.below(8);
  return out;
};

const setByte: Mutator = (data, random) => {
  const out = data.slice();
  if (out.byteLength > 0) out[random.below(out.byteLength)] = random.oneIn(2) ? random.pick(BYTES) : random.next();
  return out;
};

const insert: Mutator = (data, random) => {
  const put = Uint8Array.from({ length: 1 + random.below(random.pick([2, 8, 64])) }, () => random.next());
  return spliced(data, random.below(data.byteLength + 1), 0, random.oneIn(3) ? put.fill(random.pick(BYTES)) : put);
};

const remove: Mutator = (data, random) => {
  const [at, length] = range(data, random);
  return spliced(data, at, length, new Uint8Array(0));
};

const repeat: Mutator = (data, random) => {
  const [at, length] = range(data, random);
  const times = random.oneIn(8) ? 1 + random.below(64) : 1;
  return spliced(data, at, 0, concat(Array.from({ length: times }, () => data.subarray(at, at + length))));
};

const move: Mutator = (data, random) => {
  const [at, length] = range(data, random);
  const to = random.below(data.byteLength + 1);
  return spliced(data, to, random.oneIn(2) ? length : 0, data.subarray(at, at + length));
};

const fromOther: Mutator = (data, random, other) => {
  const [at, length] = range(other, random);
  const to = random.below(data.byteLength + 1);
  return spliced(data, to, random.oneIn(2) ? length : 0, other.subarray(at, at + length));
};

const cross: Mutator = (data, random, other) =>
  concat([data.subarray(0, random.below(data.byteLength + 1)), other.subarray(random.below(other.byteLength + 1))]);

const cut: Mutator = (data, random) => data.slice(0, random.below(data.byteLength + 1));

/** Sets or moves an integer of 2, 4 or 8 bytes, either way round. */
const integer: Mutator = (data, random) => {
  const out = data.slice();
  const size = random.pick([2, 4, 4, 8]);
  if (out.byteLength < size) return out;
  const view = new DataView(out.buffer);
  const aligned = random.oneIn(2) ? size : 1;
  const at = Math.floor(random.below(out.byteLength - size + 1) / aligned) * aligned;
  const little = !random.oneIn(4);
  const near = random.oneIn(2);
  const step = BigInt(random.below(33) - 16);
  const value = BigInt(random.oneIn(4) ? out.byteLength : random.pick(NUMBERS));
  if (size === 2) view.setUint16(at, near ? view.getUint16(at, little) + Number(step) : Number(value), little);
  else if (size === 4) view.setUint32(at, near ? view.getUint32(at, little) + Number(step) : Number(value), little);
  else view.setBigUint64(at, near ? view.getBigUint64(at, little) + step : value << BigInt(random.below(33)), little);
  return out;
};

/** Replaces a number that is written out in digits. */
const textNumber: Mutator = (data, random) => {
  const start = random.below(data.byteLength);
  const isDigit = (i: number) => data[i]! >= 48 && data[i]! <= 57;
  let at = start;
  while (at < data.byteLength && !isDigit(at)) at++;
  if (at === data.byteLength) return flipBit(data, random, data);
  let end = at;
  while (end < data.byteLength && isDigit(end)) end++;
  const old = Number(new TextDecoder().decode(data.subarray(at, Math.min(end, at + 16))));
  const text = random.oneIn(2) ? random.pick(TEXT_NUMBERS) : String(Math.max(0, old + random.below(9) - 4));
  return spliced(data, at, end - at, new TextEncoder().encode(text));
};

/** Puts a word of the format in. */
export function wordMutator(words: readonly string[]): Mutator {
  return (data, random) => {
    const word = new TextEncoder().encode(random.pick(words));
    return spliced(data, random.below(data.byteLength + 1), random.oneIn(2) ? word.byteLength : 0, word);
  };
}

/** Mutators for any bytes. */
export const BYTE_MUTATORS: readonly Mutator[] = [
  flipBit,
  setByte,
  setByte,
  insert,
  remove,
  repeat,
  move,
  fromOther,
  cross,
  cut,
  integer,
  integer,
  integer,
  textNumber,
];

/** One to eight byte mutators, one after the other; a mutator of a format uses it on a part. */
export const mutateBytes: Mutator = async (data, random, other) => {
  let out = data;
  for (let left = 1 + random.below(random.pick([1, 2, 4, 8])); left > 0; left--) {
    out = await random.pick(BYTE_MUTATORS)(out, random, other);
  }
  return out;
};
