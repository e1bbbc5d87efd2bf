import { needs } from "../errors.ts";
import { MAX_ISOLATED_MESSAGE_BYTES } from "../limits.ts";

/** What one side tells the other; there is nothing else that a module's process can be asked for. */
export const MESSAGE = {
  /** To the child. */
  start: 0,
  list: 1,
  open: 2,
  unwrap: 3,
  derive: 4,
  sign: 5,
  pin: 6,
  /** From the child. */
  done: 16,
  failed: 17,
  wantsPin: 18,
} as const;

/**
 * A message: kind, number of the request that it belongs to, and byte fields.
 *
 *     u32 length of what follows | u8 kind | u32 request | u32 fields | { u32 length | bytes } each
 */
export interface Message {
  readonly kind: number;
  readonly request: number;
  readonly fields: readonly Uint8Array[];
}

const HEAD_BYTES = 9;

/** The message as bytes of its own, which whoever sends it overwrites: it may hold a PIN or a key. */
export function encodeMessage({ kind, request, fields }: Message): Uint8Array {
  const length = HEAD_BYTES + fields.reduce((n, field) => n + 4 + field.byteLength, 0);
  const bytes = new Uint8Array(4 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, kind);
  view.setUint32(5, request, true);
  view.setUint32(9, fields.length, true);
  let at = 4 + HEAD_BYTES;
  for (const field of fields) {
    view.setUint32(at, field.byteLength, true);
    bytes.set(field, at + 4);
    at += 4 + field.byteLength;
  }
  return bytes;
}

/**
 * Takes bytes as they come and gives each message to `receive`, with fields that are copies; what came is overwritten.
 * @throws from the returned function `KEY_DEVICE_ERROR` for bytes that are no message, `LIMIT_EXCEEDED` for one that is too long
 */
export function messageReader(receive: (message: Message) => void): (chunk: Uint8Array) => void {
  let held = new Uint8Array(0);
  return (chunk) => {
    const all = new Uint8Array(held.byteLength + chunk.byteLength);
    all.set(held);
    all.set(chunk, held.byteLength);
    held.fill(0);
    chunk.fill(0);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.byteLength - at >= 4) {
      const length = view.getUint32(at, true);
      needs(
        length <= MAX_ISOLATED_MESSAGE_BYTES,
        "LIMIT_EXCEEDED",
        `a message of ${length} bytes is over ${MAX_ISOLATED_MESSAGE_BYTES}`,
      );
      if (all.byteLength - at - 4 < length) break;
      const message = decode(all.subarray(at + 4, at + 4 + length));
      at += 4 + length;
      receive(message);
    }
    held = all.slice(at);
    all.fill(0);
  };
}

function decode(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sound = (holds: boolean) =>
    needs(holds, "KEY_DEVICE_ERROR", "the module's process sent something that is no message");
  sound(bytes.byteLength >= HEAD_BYTES);
  const [kind, request, count] = [view.getUint8(0), view.getUint32(1, true), view.getUint32(5, true)];
  // Each field has a length of four bytes, so a count beyond that is a lie.
  sound(count <= (bytes.byteLength - HEAD_BYTES) / 4);
  const fields: Uint8Array[] = [];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    sound(bytes.byteLength - at >= 4);
    const length = view.getUint32(at, true);
    sound(length <= bytes.byteLength - at - 4);
    fields.push(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  sound(at === bytes.byteLength);
  return { kind, request, fields };
}
