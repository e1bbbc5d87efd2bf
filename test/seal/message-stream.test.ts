import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import {
  CHUNK_BYTES,
  messageLength,
  newMessage,
  openMessage,
  plainLength,
  SEALED_CHUNK_BYTES,
  sealChunk,
  sealMessage,
} from "../../src/seal/cobblestone.ts";
import { messageReader, messageSealer, readMessage } from "../../src/seal/message-stream.ts";
import { countingSource } from "../../src/source/counting.ts";
import { memorySource } from "../../src/source/memory.ts";

const key = new Uint8Array(32).fill(3);
const context = new Uint8Array([1, 2, 3]);
const SIZES = [0, 1, 15, 16, 17, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 40 * CHUNK_BYTES + 5];

async function streamed(plain: Uint8Array, piece: number): Promise<Uint8Array> {
  const out: Uint8Array[] = [];
  const sealer = messageSealer(key, context, async (bytes) => void out.push(bytes.slice()));
  for (let at = 0; at < plain.byteLength; at += piece) await sealer.push(plain.subarray(at, at + piece));
  await sealer.end();
  return concat(out);
}

describe("a sealed message", () => {
  it.each(SIZES)("of %i bytes streams to what one call opens, and the other way round", async (size) => {
    const plain = new Uint8Array(randomBytes(size));
    for (const piece of size < 100 ? [1, 7] : [997, CHUNK_BYTES, 70_000]) {
      const sealed = await streamed(plain, piece);
      expect(sealed.byteLength).toBe(messageLength(size));
      expect(plainLength(sealed.byteLength)).toBe(size);
      expect(Buffer.from(openMessage(key, context, sealed)).equals(plain)).toBe(true);
    }
    const pieces: Uint8Array[] = [];
    const source = memorySource(sealMessage(key, context, plain));
    const place = { name: "x", offset: 0, length: source.size };
    await readMessage(source, place, key, context, (p) => void pieces.push(p.slice()));
    expect(Buffer.from(concat(pieces)).equals(plain)).toBe(true);
  });

  it("gives any range and reads only the chunks that hold it", async () => {
    const plain = new Uint8Array(randomBytes(5 * CHUNK_BYTES + 100));
    const sealed = sealMessage(key, context, plain);
    const file = concat([new Uint8Array(33), sealed, new Uint8Array(9)]);
    await fc.assert(
      fc.asyncProperty(fc.nat(plain.byteLength), fc.nat(3 * CHUNK_BYTES), async (from, length) => {
        const count = Math.min(length, plain.byteLength - from);
        const source = countingSource(memorySource(file));
        const reader = await messageReader(source, { name: "x", offset: 33, length: sealed.byteLength }, key, context);
        const target = new Uint8Array(count);
        await reader.readInto(from, target);
        expect(Buffer.from(target).equals(plain.subarray(from, from + count))).toBe(true);
        const chunks =
          count === 0 ? 0 : Math.floor((from + count - 1) / CHUNK_BYTES) - Math.floor(from / CHUNK_BYTES) + 1;
        expect(source.count.bytes - 56).toBeLessThanOrEqual(chunks * SEALED_CHUNK_BYTES);
        expect(source.count.fetches).toBe(count === 0 ? 1 : 2);
        reader.wipe();
      }),
      { numRuns: 60 },
    );
  });

  it("refuses every cut length with truncation or damage", () => {
    const sealed = sealMessage(key, context, new Uint8Array(CHUNK_BYTES + 20));
    for (let cut = 0; cut < sealed.byteLength; cut += cut < 200 || cut > sealed.byteLength - 200 ? 1 : 331) {
      expect(() => openMessage(key, context, sealed.subarray(0, cut)), `cut ${cut}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^SEAL_(TRUNCATED|DAMAGED)$/) }),
      );
    }
  });

  it("names the place in the file of a damaged chunk, and releases no byte of it", async () => {
    const sealed = sealMessage(key, context, new Uint8Array(3 * CHUNK_BYTES).fill(9));
    const at = 56 + SEALED_CHUNK_BYTES + 5;
    sealed[at]! ^= 1;
    const reader = await messageReader(
      memorySource(sealed),
      { name: "rows", offset: 0, length: sealed.byteLength },
      key,
      context,
    );
    const target = new Uint8Array(3 * CHUNK_BYTES);
    await expect(reader.readInto(0, target)).rejects.toMatchObject({
      code: "SEAL_DAMAGED",
      part: "rows",
      offset: 56 + SEALED_CHUNK_BYTES,
      length: SEALED_CHUNK_BYTES,
    });
    expect(target.subarray(CHUNK_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  it("counts no chunk beyond 2^38", () => {
    const message = newMessage(key, context);
    const target = new Uint8Array(32);
    expect(sealChunk(message, 2 ** 38 - 1, new Uint8Array(1), target, 0)).toBe(17);
    expect(() => sealChunk(message, 2 ** 38, new Uint8Array(1), target, 0)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});
