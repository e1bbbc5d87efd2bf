import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { ARENA_BASE } from "../../src/kernel/arena.ts";
import { MESSAGE_HEADER_BYTES, SEALED_CHUNK_BYTES } from "../../src/seal/cobblestone.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { openQvdTable, type QvdTable } from "../../src/table/qvd-table.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { type ReduceOptions, reduceQvd } from "../../src/table/reduce-table.ts";
import { keysOf, person } from "./people.ts";
import { decryptedBytes, openBytes, plainQvd, sealBytes } from "./sealed.ts";

const hr = person("hr");
const fin = person("fin", "p384");
const ROWS = 80_000;
const secret = (i: number) => `Secret-${i.toString().padStart(5, "0")}-of-nobody`;
const columns = {
  one: Array.from({ length: ROWS }, (_, i) => (i * 7) % 200),
  two: Array.from({ length: ROWS }, (_, i) => (i % 13 === 0 ? null : secret((i * 31) % 3000))),
  three: Array.from({ length: ROWS }, (_, i) => ({ number: (i * 17) % 66_000, text: `t${(i * 17) % 66_000}` })),
  same: Array.from({ length: ROWS }, () => "same"),
  open: Array.from({ length: ROWS }, (_, i) => i % 10),
};
const names = Object.keys(columns);
const slot = (name: string, fields: readonly string[], who = hr) => ({ name, recipients: [who.recipient()], fields });
let plain: Uint8Array;
beforeAll(async () => {
  plain = await plainQvd(columns);
});
const third: ReduceOptions = {
  allowed: [
    { ordinal: 1, allows: (symbol) => symbol % 3 === 1 },
    { ordinal: 4, allows: (symbol) => symbol !== 7 },
  ],
};

async function reduced(table: QvdTable, options: ReduceOptions) {
  const sink = memorySink();
  const result = await reduceQvd(sink, table, options);
  await sink.commit();
  return { ...result, bytes: Buffer.from(sink.result()) };
}

describe("the reduction of a sealed table", () => {
  it.each<[string, Omit<SealOptions, "slots">, readonly string[]]>([
    ["some fields", {}, ["one", "two"]],
    ["fields of every width, and one without any bits", {}, ["one", "two", "three", "same"]],
    ["all fields", {}, names],
    ["tokens in their place", { mask: "token" }, ["two", "three"]],
    ["a closed file", { mode: "closed" }, names],
  ])("writes what that of the plain one does: %s", async (_, options, fields) => {
    const sealed = await sealBytes(plain, { ...options, slots: [slot("hr", fields)] });
    for (const more of [{ fields: [2, 1, 3] }, { keptBytes: 10_000, chunkBytes: 50_000 }, {}]) {
      const found = await reduced(await openBytes(sealed, keysOf(hr)), { ...third, ...more });
      const expected = await reduced(await openQvdTable(memorySource(plain)), { ...third, ...more });
      expect(found.kept).toBe(expected.kept);
      expect(found.passes).toBe(expected.passes);
      expect(found.bytes.equals(expected.bytes)).toBe(true);
    }
  });

  it.each(["open", "closed"] as const)(
    "with the key of one of two audiences is that of what it sees (%s)",
    async (mode) => {
      const slots = [slot("hr", ["two", "three"]), slot("fin", ["one", "open"], fin)];
      const sealed = await sealBytes(plain, { mode, slots });
      const table = await openBytes(sealed, keysOf(hr));
      const seen = await openQvdTable(memorySource(await decryptedBytes(table)));
      const options: ReduceOptions = { allowed: third.allowed.slice(0, 1) };
      const found = await reduced(table, options);
      expect(found.kept).toBeGreaterThan(20_000);
      expect(found.bytes.equals((await reduced(seen, options)).bytes)).toBe(true);
    },
  );
});

describe("random access to a sealed field", () => {
  it("opens the chunks of the rows asked for, of the fields asked for, and no other", async () => {
    const sealed = await sealBytes(plain, { slots: [slot("hr", names)] });
    const { region } = await readSealedHead(memorySource(sealed));
    const place = (field: string) => {
      const part = region.manifest.items.find((item) => item.name === field)!.parts[2]!;
      return region.offset + region.headLength + part.offset + MESSAGE_HEADER_BYTES;
    };
    const inner = memorySource(sealed);
    let bytes = 0;
    const chunks = new Map<string, Set<number>>();
    const source: ByteSource = {
      ...inner,
      async readInto(offset, target) {
        bytes += target.byteLength;
        for (const field of names) {
          const from = offset - place(field);
          const part = region.manifest.items.find((item) => item.name === field)!.parts[2]!;
          if (from < 0 || from >= part.length) continue;
          const seen = chunks.get(field) ?? new Set();
          const last = Math.ceil((from + target.byteLength) / SEALED_CHUNK_BYTES);
          for (let chunk = from / SEALED_CHUNK_BYTES; chunk < last; chunk++) {
            expect(seen.has(chunk), `chunk ${chunk} of ${field} is read once`).toBe(false);
            seen.add(chunk);
          }
          chunks.set(field, seen);
        }
        await inner.readInto(offset, target);
      },
    };
    const table = await openSealedQvd(source, keysOf(hr));
    bytes = 0;
    // Indexes of "two" take two bytes: 8192 rows a chunk. Rows 8190 to 24,576 lie in chunks 0, 1 and 2.
    for await (const batch of table.scan({ fields: [1], from: 8190, to: 24_576, batchRows: 1000 })) {
      expect(batch.rows).toBeLessThanOrEqual(1000);
    }
    expect(Object.fromEntries([...chunks].map(([field, set]) => [field, [...set]]))).toEqual({ two: [0, 1, 2] });
    expect(bytes).toBe(3 * SEALED_CHUNK_BYTES);
    chunks.clear();
    for await (const _ of table.scan({ fields: [0, 2], from: 70_000, to: 70_001 }));
    // One byte a row: chunk 4. Three bytes a row: bytes 210,000 to 210,003, in chunk 12.
    expect(Object.fromEntries([...chunks].map(([field, set]) => [field, [...set]]))).toEqual({ one: [4], three: [12] });
    await table.close();
  });
});

describe("memory that sealed fields were opened into", () => {
  const memories: WebAssembly.Memory[] = [];
  const real = WebAssembly.Memory;

  beforeEach(() => {
    memories.length = 0;
    class Recorded extends real {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        super(descriptor);
        memories.push(this);
      }
    }
    (WebAssembly as { Memory: unknown }).Memory = Recorded;
  });
  afterEach(() => {
    (WebAssembly as { Memory: unknown }).Memory = real;
  });

  const holding = (text: string) => memories.filter((m) => Buffer.from(m.buffer).includes(text));
  /** Memories with a byte that is not zero outside a kernel's constant tables. */
  const dirty = () => memories.filter((m) => new Uint8Array(m.buffer, ARENA_BASE).some((byte) => byte !== 0));

  async function sealedColumns() {
    return sealBytes(plain, { slots: [slot("hr", names)] });
  }

  it("holds nothing after a scan, a reduction, and when the table is closed", async () => {
    const sealed = await sealedColumns();
    memories.length = 0;
    const table = await openBytes(sealed, keysOf(hr));
    let seen = 0;
    for await (const batch of table.scan()) {
      if (batch.rowStart === 0) seen = dirty().length;
    }
    expect(seen).toBeGreaterThan(0);
    await table.symbols(1);
    const watched = memorySink();
    let held = 0;
    const sink = {
      ...watched,
      write: async (bytes: Uint8Array) => {
        held ||= holding(secret(62)).length;
        await watched.write(bytes);
      },
    };
    await reduceQvd(sink, table, third);
    expect(held).toBeGreaterThan(0);
    const { bytes } = await table.symbols(1);
    await table.close();
    expect(memories.length).toBeGreaterThan(2);
    expect(dirty()).toEqual([]);
    expect(holding("Secret-")).toEqual([]);
    expect(Buffer.from(bytes).includes("Secret-")).toBe(false);
  });

  it("gets nothing of a chunk whose tag is wrong, and holds nothing after the error", async () => {
    const sealed = await sealedColumns();
    const { region } = await readSealedHead(memorySource(sealed));
    const part = region.manifest.items[1]!.parts[1]!;
    const start = region.offset + region.headLength + part.offset + MESSAGE_HEADER_BYTES;
    const at = start + SEALED_CHUNK_BYTES;
    sealed[at + 100]! ^= 1;
    memories.length = 0;
    const table = await openBytes(sealed, keysOf(hr));
    // Text of the first chunk, and text that begins in the second and damaged one.
    const whole = await openQvdTable(memorySource(plain));
    const text = (await whole.symbols(1)).bytes;
    const texts = [
      new TextDecoder().decode(text.subarray(1, 25)),
      new TextDecoder().decode(text.subarray(17_000, 17_025)),
    ];
    memories.length = 0;
    const seen: number[][] = [];
    const inner = table.readSymbols.bind(table);
    const watched: QvdTable = {
      ...table,
      async readSymbols(ordinal, target) {
        try {
          await inner(ordinal, target);
        } finally {
          if (ordinal === 1) seen.push(texts.map((t) => holding(t).length));
        }
      },
    };
    await expect(reduceQvd(memorySink(), watched, third)).rejects.toMatchObject({
      code: "SEAL_DAMAGED",
      part: 'sealed symbols of "two"',
      offset: at,
      length: SEALED_CHUNK_BYTES,
    });
    expect(seen).toEqual([[1, 0]]);
    await table.close();
    expect(dirty()).toEqual([]);
  });

  it("is not needed by small tables, whose buffers are overwritten as well", async () => {
    const sealed = await sealBytes(await plainQvd({ a: ["Secret-1", "Secret-2"] }), { slots: [slot("hr", ["a"])] });
    const table = await openBytes(sealed, keysOf(hr));
    expect(await readRows(table)).toEqual([["Secret-1"], ["Secret-2"]]);
    const { bytes } = await table.symbols(0);
    let last: Int32Array | undefined;
    for await (const batch of table.scan()) last = batch.indexes[0];
    expect([...last!]).toEqual([0, 0]);
    await table.close();
    expect([...bytes]).toEqual(Array.from({ length: bytes.byteLength }, () => 0));
  });
});
