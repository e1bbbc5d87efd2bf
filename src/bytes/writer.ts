/** A growable little-endian writer. */
export interface ByteWriter {
  bytes: Uint8Array;
  view: DataView;
  length: number;
}

export function byteWriter(capacity = 256): ByteWriter {
  const bytes = new Uint8Array(capacity);
  return { bytes, view: new DataView(bytes.buffer), length: 0 };
}

/** Makes room for `more` bytes and returns where they begin; the length is moved past them. */
export function reserve(w: ByteWriter, more: number): number {
  const at = w.length;
  const need = at + more;
  if (need > w.bytes.byteLength) {
    const grown = new Uint8Array(Math.max(need, w.bytes.byteLength * 2));
    grown.set(w.bytes.subarray(0, at));
    w.bytes = grown;
    w.view = new DataView(grown.buffer);
  }
  w.length = need;
  return at;
}

export function writeU8(w: ByteWriter, value: number): void {
  const at = reserve(w, 1);
  w.bytes[at] = value;
}

export function writeU16(w: ByteWriter, value: number): void {
  const at = reserve(w, 2);
  w.view.setUint16(at, value, true);
}

export function writeU32(w: ByteWriter, value: number): void {
  const at = reserve(w, 4);
  w.view.setUint32(at, value, true);
}

export function writeI32(w: ByteWriter, value: number): void {
  const at = reserve(w, 4);
  w.view.setInt32(at, value, true);
}

export function writeU64(w: ByteWriter, value: number): void {
  const at = reserve(w, 8);
  w.view.setBigUint64(at, BigInt(value), true);
}

export function writeF64(w: ByteWriter, value: number): void {
  const at = reserve(w, 8);
  w.view.setFloat64(at, value, true);
}

export function writeBytes(w: ByteWriter, bytes: Uint8Array): void {
  const at = reserve(w, bytes.byteLength);
  w.bytes.set(bytes, at);
}

/** What was written, as a view of the writer's buffer. */
export function written(w: ByteWriter): Uint8Array {
  return w.bytes.subarray(0, w.length);
}
