import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { CHUNK_BYTES, SEALED_CHUNK_BYTES } from "../src/seal/cobblestone.ts";
import { messageReader, messageSealer } from "../src/seal/message-stream.ts";
import { macLeaves } from "../src/seal/tree.ts";
import type { ByteSource } from "../src/source/source.ts";

/** Sealing or opening beside the bare cipher on the same chunks, in the same run. */
export interface ChunkFigure {
  readonly name: string;
  readonly gigabytesPerSecond: number;
  readonly ratioToBare: number;
}

const BYTES = 64 * 1024 * 1024;
const CHUNKS = BYTES / CHUNK_BYTES;
const ROUNDS = 9;
const GCM = { authTagLength: 16 } as const;
/** Within what the second-level cache holds, as the runs of a real part are. */
const WINDOW = 16;

/** Times chunks of 16 KiB: bare `createCipheriv` and `createDecipheriv` into a buffer that is there, and the seal's own. */
export async function chunkFigures(): Promise<readonly ChunkFigure[]> {
  const key = new Uint8Array(randomBytes(32));
  // Node 24 takes twice the time for a chunk whose key comes as bytes; the bare cipher gets its best, too.
  const ready = createSecretKey(key);
  const context = new Uint8Array(60);
  const plain = new Uint8Array(randomBytes(WINDOW * CHUNK_BYTES));
  const target = new Uint8Array(WINDOW * SEALED_CHUNK_BYTES);
  const at = (i: number, size: number) => (i % WINDOW) * size;
  const nonce = new Uint8Array(12);

  const sealBare = () => {
    for (let i = 0; i < CHUNKS; i++) {
      const cipher = createCipheriv("aes-256-gcm", ready, nonce, GCM);
      const from = at(i, CHUNK_BYTES);
      target.set(cipher.update(plain.subarray(from, from + CHUNK_BYTES)), at(i, SEALED_CHUNK_BYTES));
      cipher.final();
      target.set(cipher.getAuthTag(), at(i, SEALED_CHUNK_BYTES) + CHUNK_BYTES);
    }
  };
  const seal = async () => {
    const mac = macLeaves(key, 0);
    const sealer = messageSealer(key, context, async (bytes) => mac.push(bytes));
    for (let at_ = 0; at_ < BYTES; at_ += plain.byteLength) await sealer.push(plain);
    await sealer.end();
    mac.end();
  };

  sealBare();
  const bare = target.slice();
  const openBare = () => {
    for (let i = 0; i < CHUNKS; i++) {
      const from = at(i, SEALED_CHUNK_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", ready, nonce, GCM);
      decipher.setAuthTag(bare.subarray(from + CHUNK_BYTES, from + SEALED_CHUNK_BYTES));
      target.set(decipher.update(bare.subarray(from, from + CHUNK_BYTES)), at(i, CHUNK_BYTES));
      decipher.final();
    }
  };
  const pieces: Uint8Array[] = [];
  const sealer = messageSealer(key, context, async (bytes) => void pieces.push(bytes.slice()));
  for (let from = 0; from < BYTES; from += plain.byteLength) await sealer.push(plain);
  await sealer.end();
  const sealed = new Uint8Array(Buffer.concat(pieces));
  const source: ByteSource = {
    size: sealed.byteLength,
    name: "memory",
    read: async (offset, length) => sealed.subarray(offset, offset + length),
    readInto: async (offset, into) => into.set(sealed.subarray(offset, offset + into.byteLength)),
    close: async () => {},
  };
  const place = { name: "part", offset: 0, length: sealed.byteLength };
  const open = async () => {
    const reader = await messageReader(source, place, key, context);
    for (let from = 0; from < BYTES; from += plain.byteLength) {
      await reader.readInto(from, target.subarray(0, plain.byteLength));
    }
    reader.wipe();
  };

  const cases = [sealBare, seal, openBare, open];
  const least = cases.map(() => Number.POSITIVE_INFINITY);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [k, work] of cases.entries()) {
      const start = performance.now();
      await work();
      if (round >= 0) least[k] = Math.min(least[k]!, performance.now() - start);
    }
  }
  const figure = (name: string, k: number, bareCase: number): ChunkFigure => ({
    name,
    gigabytesPerSecond: Math.round(BYTES / least[k]! / 1e4) / 100,
    ratioToBare: Math.round((100 * least[bareCase]!) / least[k]!) / 100,
  });
  return [
    figure("bare createCipheriv", 0, 0),
    figure("seal, with the leaf MACs", 1, 0),
    figure("bare createDecipheriv", 2, 2),
    figure("open", 3, 2),
  ];
}
