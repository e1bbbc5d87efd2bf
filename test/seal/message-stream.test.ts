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
import { messageReader, messageSealer, readMessage, SCRATCH_BYTES } from "../../src/seal/message-stream.ts";
import { countingSource } from "../../src/source/counting.ts";
import { memorySource } from "../../src/source/memory.ts";

const key = new Uint8Array(32).fill(3);
const context = new Uint8Array([1, 2, 3]);
const SIZES = [0, 1, 15, 16, 17, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 40 * CHUNK_BYTES + 5];
/** Chunks that are sealed and read in order in one go. */
const RUN = 16;

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

  it("is written in runs of whole chunks, never an empty one, from a buffer that is used again", async () => {
    for (const [chunks, more] of [
      [0, 0],
      [15, 3],
      [16, 0],
      [31, 9],
      [40, 0],
    ] as const) {
      const written: number[] = [];
      const buffers = new Set<ArrayBufferLike>();
      const sealer = messageSealer(key, context, async (bytes) => {
        written.push(bytes.byteLength);
        buffers.add(bytes.buffer);
      });
      const plain = new Uint8Array(chunks * CHUNK_BYTES + more);
      await sealer.push(plain);
      await sealer.end();
      expect(written.reduce((sum, n) => sum + n, 0)).toBe(messageLength(plain.byteLength));
      expect(written.every((n) => n > 0)).toBe(true);
      // The header goes with the first run, and each run but the last is as long as it can be.
      const runs = written.map((n, i) => (i === 0 ? n - 56 : n) / SEALED_CHUNK_BYTES);
      expect(runs.slice(0, -1)).toEqual(runs.slice(0, -1).map(() => runs[0]));
      expect(buffers.size).toBe(1);
      expect(written).toHaveLength(Math.ceil((chunks + 1) / RUN));
    }
  });

  it("is read in order where its chunks fill the runs, and where they do not", async () => {
    for (const size of [RUN * CHUNK_BYTES - 1, RUN * CHUNK_BYTES, 2 * RUN * CHUNK_BYTES - 7]) {
      const plain = new Uint8Array(randomBytes(size));
      const source = countingSource(memorySource(sealMessage(key, context, plain)));
      const pieces: Uint8Array[] = [];
      const place = { name: "x", offset: 0, length: source.size };
      await readMessage(source, place, key, context, (p) => void pieces.push(p.slice()));
      expect(Buffer.from(concat(pieces)).equals(plain)).toBe(true);
      expect(source.count.fetches - 1).toBe(Math.ceil((Math.floor(size / CHUNK_BYTES) + 1) / RUN));
    }
  });

  it("that was given up opens for nobody, whatever is pushed into it", async () => {
    const out: Uint8Array[] = [];
    const sealer = messageSealer(key, context, async (bytes) => void out.push(bytes.slice()));
    await sealer.push(new Uint8Array(100).fill(7));
    sealer.wipe();
    const ended = await sealer.end().then(
      () => concat(out),
      () => new Uint8Array(),
    );
    expect(() => openMessage(key, context, ended)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^SEAL_(TRUNCATED|DAMAGED)$/) }),
    );
  });

  it("hands out nothing of a chunk that was damaged, nor of one that is kept behind it", async () => {
    const plain = new Uint8Array(randomBytes(4 * CHUNK_BYTES));
    const sealed = sealMessage(key, context, plain);
    sealed[56 + 2 * SEALED_CHUNK_BYTES + 9]! ^= 1;
    const place = { name: "x", offset: 0, length: sealed.byteLength };
    const reader = await messageReader(memorySource(sealed), place, key, context);
    const read = async (from: number) => {
      const target = new Uint8Array(50);
      await reader.readInto(from, target);
      return Buffer.from(target).equals(plain.subarray(from, from + 50));
    };
    for (const chunk of [0, 1, 3]) {
      expect(await read(chunk * CHUNK_BYTES + 5)).toBe(true);
      await expect(read(2 * CHUNK_BYTES + 5)).rejects.toMatchObject({ code: "SEAL_DAMAGED" });
      for (const other of [1, 0, 3]) expect(await read(other * CHUNK_BYTES + 60), `${chunk}, ${other}`).toBe(true);
    }
  });

  it("is read a part at a time with each chunk opened once, and straight to its place where all of it is wanted", async () => {
    const plain = new Uint8Array(randomBytes(4 * CHUNK_BYTES + 10));
    const sealed = sealMessage(key, context, plain);
    const place = { name: "x", offset: 0, length: sealed.byteLength };
    const source = countingSource(memorySource(sealed));
    const reader = await messageReader(source, place, key, context);
    expect(reader.size).toBe(plain.byteLength);
    const read = async (from: number, length: number) => {
      const before = source.count.bytes;
      const target = new Uint8Array(length);
      await reader.readInto(from, target);
      expect(Buffer.from(target).equals(plain.subarray(from, from + length)), `${from}+${length}`).toBe(true);
      return Math.ceil((source.count.bytes - before) / SEALED_CHUNK_BYTES);
    };
    const steps: readonly (readonly [from: number, length: number, chunks: number])[] = [
      [10, 20, 1],
      [30, 40, 0],
      [0, 10, 0],
      // On into the next chunk: the first is still there.
      [CHUNK_BYTES - 5, 10, 1],
      [CHUNK_BYTES + 5, 10, 0],
      // Back: only the last one is kept.
      [5, 5, 1],
      // A whole chunk is read each time, and pushes out none that is kept.
      [CHUNK_BYTES, CHUNK_BYTES, 1],
      [CHUNK_BYTES, CHUNK_BYTES, 1],
      [6, 6, 0],
      // So is the last chunk, which is short.
      [4 * CHUNK_BYTES, 10, 1],
      [7, 7, 0],
      [2 * CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3],
      [4 * CHUNK_BYTES, 5, 0],
      [4 * CHUNK_BYTES, 10, 0],
      [0, plain.byteLength, 5],
      [plain.byteLength, 0, 0],
      [0, 0, 0],
    ];
    for (const [from, length, chunks] of steps) expect(await read(from, length), `${from}+${length}`).toBe(chunks);
    const outside = { code: "SOURCE_RANGE", message: "range is not inside x" };
    await expect(reader.readInto(-1, new Uint8Array(1))).rejects.toMatchObject(outside);
    await expect(reader.readInto(plain.byteLength, new Uint8Array(1))).rejects.toMatchObject(outside);
    await expect(reader.readInto(0, new Uint8Array(plain.byteLength + 1))).rejects.toMatchObject(outside);
    reader.wipe();
    // What was kept is gone, and nothing opens with a wiped key.
    for (const chunk of [1, 0, 4])
      await expect(reader.readInto(chunk * CHUNK_BYTES, new Uint8Array(5))).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
      });
  });

  it("is read in runs as long as the buffer that is shared, of one chunk at the least", async () => {
    const plain = new Uint8Array(randomBytes(10 * CHUNK_BYTES + 1));
    const sealed = sealMessage(key, context, plain);
    const place = { name: "x", offset: 0, length: sealed.byteLength };
    for (const [chunks, fetches] of [
      [1, 11],
      [3, 4],
      [4, 3],
      [11, 1],
    ] as const) {
      const source = countingSource(memorySource(sealed));
      const scratch = new Uint8Array(chunks * SEALED_CHUNK_BYTES + 100);
      const reader = await messageReader(source, place, key, context, scratch);
      const target = new Uint8Array(plain.byteLength);
      await reader.readInto(0, target);
      expect(Buffer.from(target).equals(plain)).toBe(true);
      expect(source.count.fetches - 1, `${chunks}`).toBe(fetches);
    }
    expect(SCRATCH_BYTES % SEALED_CHUNK_BYTES).toBe(0);
    expect(SCRATCH_BYTES / SEALED_CHUNK_BYTES).toBeGreaterThanOrEqual(4);
  });

  it("says where it is damaged: in its first 56 bytes, or which chunk, when it is read in order too", async () => {
    const sealed = sealMessage(key, context, new Uint8Array(40 * CHUNK_BYTES).fill(9));
    const file = concat([new Uint8Array(7), sealed]);
    const place = { name: "rows", offset: 7, length: sealed.byteLength };
    const flipped = (at: number) => memorySource(file.map((byte, i) => (i === 7 + at ? byte ^ 1 : byte)));
    const taken: number[] = [];
    const inOrder = (at: number) => readMessage(flipped(at), place, key, context, (p) => void taken.push(p.length));
    const head = {
      code: "SEAL_DAMAGED",
      part: "rows",
      offset: 7,
      length: 56,
      message: "rows: its first 56 bytes are not those that were sealed here",
    };
    for (const at of [0, 55]) {
      await expect(inOrder(at)).rejects.toMatchObject(head);
      await expect(messageReader(flipped(at), place, key, context)).rejects.toMatchObject(head);
    }
    expect(taken).toEqual([]);
    for (const chunk of [0, 17, 39]) {
      taken.length = 0;
      const offset = 7 + 56 + chunk * SEALED_CHUNK_BYTES;
      const damage = { code: "SEAL_DAMAGED", part: "rows", offset, message: `rows: chunk ${chunk} is damaged` };
      await expect(inOrder(56 + chunk * SEALED_CHUNK_BYTES + 3)).rejects.toMatchObject(damage);
      expect(taken).toEqual(new Array(chunk).fill(CHUNK_BYTES));
    }
    // Whoever takes damage gets all of it, and the chunks between.
    taken.length = 0;
    const named: (number | undefined)[] = [];
    const at = (chunk: number) => 7 + 56 + chunk * SEALED_CHUNK_BYTES;
    const many = memorySource(file.map((byte, i) => ([at(0), at(17), at(18), at(40)].includes(i) ? byte ^ 1 : byte)));
    const take = (piece: Uint8Array) => void taken.push(piece.length);
    await readMessage(many, place, key, context, take, ({ offset }) => void named.push(offset));
    expect(named).toEqual([at(0), at(17), at(18), at(40)]);
    expect(taken).toEqual(new Array(37).fill(CHUNK_BYTES));
    const heads: (number | undefined)[] = [];
    await readMessage(flipped(3), place, key, context, take, ({ offset, length }) => void heads.push(offset, length));
    expect([heads, taken.length]).toEqual([[7, 56], 37]);
    const failing = async () => {
      throw new TypeError("not ours");
    };
    const broken = { ...memorySource(file), readInto: failing };
    await expect(readMessage(broken, place, key, context, () => {})).rejects.toThrow("not ours");
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
