import { Packr, Unpackr } from "msgpackr";
import { QErr } from "../errors.ts";
import { MAX_MSGPACK_DEPTH, MAX_MSGPACK_VALUES } from "../limits.ts";

/** The values that a manifest is made of. Integers are exact; there is no other number. */
export type Packed =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Packed[]
  | { readonly [key: string]: Packed };

// Records are msgpackr's extension of MessagePack; without them the output is plain and other tools read it.
const OPTIONS = { useRecords: false, mapsAsObjects: true, variableMapSize: true } as const;

/** Encodes; the length depends only on the shape, on the lengths of strings and bytes and on the size of integers. */
export function packMessage(value: Packed): Uint8Array {
  return new Uint8Array(new Packr(OPTIONS).pack(value));
}

const PAD_STEP = 512;
/** At least so many zeros, so that their count always takes two bytes and every length can be reached. */
const LEAST_PAD = 256;

/**
 * Encodes a map, with zeros as its last member `pad` that fill whole steps of 512 bytes: how many digits a count has, or
 * whether a text is there, then seldom shows in the length. Readers pass the member over.
 */
export function packPadded(map: { readonly [key: string]: Packed }): Uint8Array {
  const least = packMessage({ ...map, pad: new Uint8Array(LEAST_PAD) }).byteLength;
  const pad = LEAST_PAD + (paddedToStep(least) - least);
  return packMessage({ ...map, pad: new Uint8Array(pad) });
}

/** `length` rounded up to whole steps of 512 bytes. */
export function paddedToStep(length: number): number {
  return Math.ceil(length / PAD_STEP) * PAD_STEP;
}

/**
 * Decodes one message that fills `bytes` exactly. The bytes are walked first, without allocating, so that a forged
 * count costs nothing.
 * @throws `SEAL_DAMAGED` naming `part` if they are not one message of the allowed types; `LIMIT_EXCEEDED`
 */
export function unpackMessage(bytes: Uint8Array, part: string): Packed {
  checkMessage(bytes, part);
  try {
    return new Unpackr(OPTIONS).unpack(bytes) as Packed;
  } catch (cause) {
    throw new QErr("SEAL_DAMAGED", `${part} is not MessagePack`, { part, cause });
  }
}

/** Walks a message: only nil, booleans, integers, float 64, strings, bytes, arrays, maps with unlike string keys. */
export function checkMessage(bytes: Uint8Array, part: string, maxValues = MAX_MSGPACK_VALUES): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let values = 0;

  function bad(what: string): QErr {
    return new QErr("SEAL_DAMAGED", `${part}: ${what}`, { part, offset: at });
  }

  function take(length: number): number {
    if (length > bytes.byteLength - at) throw bad(`needs ${length} more bytes, ${bytes.byteLength - at} are left`);
    at += length;
    return at - length;
  }

  function count(size: 1 | 2 | 4): number {
    const from = take(size);
    return size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getUint32(from);
  }

  function items(length: number, depth: number, map: boolean): void {
    if (depth === MAX_MSGPACK_DEPTH)
      throw new QErr("LIMIT_EXCEEDED", `${part} is nested over ${MAX_MSGPACK_DEPTH} deep`, { part });
    // Each value has at least a byte, so a count beyond what is left is refused before it is looped over.
    if (length * (map ? 2 : 1) > bytes.byteLength - at) throw bad(`claims ${length} values, more than its bytes`);
    const keys = new Set<string>();
    for (let i = 0; i < length; i++) {
      if (map) {
        const key = mapKey();
        if (keys.has(key) || key === "__proto__") throw bad("a map has a key twice or a forbidden key");
        keys.add(key);
      }
      value(depth + 1);
    }
  }

  function mapKey(): string {
    const type = view.getUint8(take(1));
    const length = (type & 0xe0) === 0xa0 ? type & 31 : type === 0xd9 ? count(1) : -1;
    if (length < 0) throw bad("a map key is no short string");
    const from = take(length);
    return String.fromCharCode(...bytes.subarray(from, from + length));
  }

  function value(depth: number): void {
    values += 1;
    if (values > maxValues) throw new QErr("LIMIT_EXCEEDED", `${part} has over ${maxValues} values`, { part });
    const type = view.getUint8(take(1));
    if (type < 0x80 || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) return;
    if (type < 0x90) items(type & 15, depth, true);
    else if (type < 0xa0) items(type & 15, depth, false);
    else if (type < 0xc0) take(type & 31);
    else if (type >= 0xc4 && type <= 0xc6) take(count(widthOf(type - 0xc4)));
    else if (type >= 0xcc && type <= 0xce) take(widthOf(type - 0xcc));
    else if (type >= 0xd0 && type <= 0xd2) take(widthOf(type - 0xd0));
    else if (type >= 0xd9 && type <= 0xdb) take(count(widthOf(type - 0xd9)));
    else if (type === 0xcb) exactInteger(view.getFloat64(take(8)));
    else if (type === 0xdc || type === 0xdd) items(count(type === 0xdc ? 2 : 4), depth, false);
    else if (type === 0xde || type === 0xdf) items(count(type === 0xde ? 2 : 4), depth, true);
    else throw bad(`type byte 0x${type.toString(16)} is not part of the format`);
  }

  function exactInteger(number: number): void {
    if (!Number.isSafeInteger(number)) throw bad("a number is no exact integer");
  }

  value(0);
  if (at !== bytes.byteLength) throw bad("bytes follow the message");
}

function widthOf(step: number): 1 | 2 | 4 {
  return step === 0 ? 1 : step === 1 ? 2 : 4;
}
