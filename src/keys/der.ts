import { needs, QErr } from "../errors.ts";

/** One DER value (X.690): tag byte, and its content as a view of the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly all: Uint8Array;
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Reads the value at the start of `bytes`. BER's indefinite length, which old PKCS#12 writers use, is read too.
 * @throws `KEY_STORE_FORMAT` if the length does not fit
 */
export function readDer(bytes: Uint8Array): DerValue & { readonly rest: Uint8Array } {
  const tag = bytes[0];
  const first = bytes[1];
  if (tag === undefined || first === undefined || (tag & 31) === 31) throw bad();
  if (first === 0x80) return readIndefinite(bytes);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || 2 + lengthBytes > bytes.byteLength) throw bad();
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[2 + i]!;
  const start = 2 + lengthBytes;
  if (length > bytes.byteLength - start) throw bad();
  const end = start + length;
  return { tag, content: bytes.subarray(start, end), all: bytes.subarray(0, end), rest: bytes.subarray(end) };
}

/** Strings in pieces inside each other; writers make one level. */
const MAX_PIECES_DEPTH = 16;

function readIndefinite(bytes: Uint8Array, depth = 0): DerValue & { readonly rest: Uint8Array } {
  if (depth > MAX_PIECES_DEPTH) throw bad();
  let rest = bytes.subarray(2);
  while (!(rest[0] === 0 && rest[1] === 0)) {
    const value = rest[1] === 0x80 ? readIndefinite(rest, depth + 1) : readDer(rest);
    rest = value.rest;
  }
  const end = rest.byteOffset - bytes.byteOffset;
  return { tag: bytes[0]!, content: bytes.subarray(2, end), all: bytes.subarray(0, end + 2), rest: rest.subarray(2) };
}

/** The members of a constructed value. */
export function children(value: DerValue | undefined, tag?: number): readonly DerValue[] {
  if (value === undefined || (tag !== undefined && value.tag !== tag)) throw bad();
  const found: DerValue[] = [];
  for (let rest = value.content; rest.byteLength > 0; ) {
    const next = readDer(rest);
    found.push(next);
    rest = next.rest;
  }
  return found;
}

/** The one value behind the explicit tag [0]. */
export function inside(value: DerValue | undefined): DerValue {
  if (value?.tag !== 0xa0) throw bad();
  return readDer(value.content);
}

/** Content of an octet string, also of one that BER cut into pieces, and these into pieces again. */
export function octets(value: DerValue | undefined, depth = 0): Uint8Array {
  if (value === undefined || depth > MAX_PIECES_DEPTH) throw bad();
  if (value.tag === DER.octetString || value.tag === 0x80) return value.content;
  if (value.tag === 0x24 || value.tag === 0xa0) {
    const pieces = children(value).map((piece) => octets(piece, depth + 1));
    const all = new Uint8Array(pieces.reduce((n, p) => n + p.byteLength, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.byteLength;
    }
    return all;
  }
  throw bad();
}

/** An object identifier in dotted form. */
export function oid(value: DerValue | undefined): string {
  if (value?.tag !== DER.oid || value.content.byteLength === 0) throw bad();
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = arcs[0]!;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...arcs.slice(1)].join(".");
}

/** A small non-negative integer. */
export function smallInteger(value: DerValue | undefined): number {
  needs(
    value?.tag === DER.integer && value.content.byteLength <= 5,
    "KEY_STORE_FORMAT",
    "a number is out of its range",
  );
  let number = 0;
  for (const byte of value.content) number = number * 256 + byte;
  return number;
}

function bad(): QErr {
  return new QErr("KEY_STORE_FORMAT", "the key file is no well-formed DER");
}

/** Writes one value. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((n, piece) => n + piece.byteLength, 0);
  const head = [tag];
  if (length < 0x80) head.push(length);
  else {
    const bytes: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
    head.push(0x80 | bytes.length, ...bytes);
  }
  const all = new Uint8Array(head.length + length);
  all.set(head);
  let at = head.length;
  for (const piece of content) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}

/** An object identifier from its dotted form. */
export function derOid(dotted: string): Uint8Array {
  const [a, b, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [a! * 40 + b!, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
    bytes.push(...digits);
  }
  return der(DER.oid, Uint8Array.from(bytes));
}
