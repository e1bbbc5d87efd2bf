import { randomBytes } from "node:crypto";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSource } from "../../src/engine/open.ts";
import { MAX_STREAM_BYTES } from "../../src/limits.ts";
import { countingSource } from "../../src/source/counting.ts";
import { fileSource } from "../../src/source/file.ts";
import { fileSpool } from "../../src/source/file-spool.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { streamSource } from "../../src/source/stream.ts";
import { failure } from "../helpers/errors.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();

const BYTES = new Uint8Array(randomBytes(10_000));

async function* pieces(size: number): AsyncGenerator<Uint8Array> {
  // One buffer for all pieces, as a stream may do.
  const piece = new Uint8Array(size);
  for (let at = 0; at < BYTES.byteLength; at += size) {
    const part = BYTES.subarray(at, at + size);
    piece.set(part);
    yield piece.subarray(0, part.byteLength);
  }
}

/** Every kind of source over the same bytes, held to the same contract. */
const SOURCES: readonly { readonly name: string; readonly make: () => Promise<ByteSource> }[] = [
  { name: "memory", make: async () => memorySource(BYTES) },
  { name: "counting", make: async () => countingSource(memorySource(BYTES)) },
  { name: "stream in memory, a byte at a time", make: () => streamSource(pieces(1), "stream") },
  { name: "stream in temporary space", make: () => streamSource(pieces(999), "stream", { inMemory: 100 }) },
  {
    name: "file",
    make: async () => {
      const path = join(await temporaryFolder(), "f");
      await writeFile(path, BYTES);
      return fileSource(path);
    },
  },
];

describe.each(SOURCES)("a source: $name", ({ make }) => {
  it("knows its size and gives any range, and nothing outside", async () => {
    const source = await make();
    expect(source.size).toBe(BYTES.byteLength);
    for (const [offset, length] of [
      [0, 10_000],
      [0, 0],
      [10_000, 0],
      [9_999, 1],
      [1234, 4321],
    ] as const) {
      expect(Buffer.compare(await source.read(offset, length), BYTES.subarray(offset, offset + length))).toBe(0);
      const target = new Uint8Array(length);
      await source.readInto(offset, target);
      expect(Buffer.compare(target, BYTES.subarray(offset, offset + length))).toBe(0);
    }
    for (const [offset, length] of [
      [0, 10_001],
      [10_000, 1],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [Number.NaN, 1],
      [2 ** 53, 1],
    ] as const) {
      await failure("SOURCE_RANGE", () => source.read(offset, length));
    }
    await failure("SOURCE_RANGE", () => source.readInto(9_999, new Uint8Array(2)));
    await source.close();
  });
});

describe("a file source", () => {
  it("says what is wrong with a path", async () => {
    const folder = await temporaryFolder();
    await failure("SOURCE_NOT_FOUND", () => fileSource(join(folder, "absent")));
    expect((await failure("SOURCE_READ", () => fileSource(folder))).message).toContain("not a regular file");
    await writeFile(join(folder, "f"), "x");
    await failure("SOURCE_READ", () => fileSource(join(folder, "f", "g")));
  });

  it("notices that a file became shorter while it was read", async () => {
    const path = join(await temporaryFolder(), "f");
    await writeFile(path, BYTES);
    const source = await fileSource(path);
    await truncate(path, 5_000);
    expect((await source.read(0, 5_000)).byteLength).toBe(5_000);
    const error = await failure("SOURCE_CHANGED", () => source.read(4_000, 2_000));
    expect(error.offset).toBe(5_000);
    await source.close();
  });

  it("does not read after it was closed; closing twice is nothing", async () => {
    const path = join(await temporaryFolder(), "f");
    await writeFile(path, BYTES);
    const source = await fileSource(path);
    await source.close();
    await source.close();
    await failure("SOURCE_READ", () => source.read(0, 1));
  });

  // Node refuses to read more than 2^31 - 1 bytes at once; a symbol table may have twice that.
  it.runIf(process.env.QVAULT_LONG)("reads more than 2 GiB at once", async () => {
    const path = join(await temporaryFolder(), "f");
    await writeFile(path, "");
    const size = 2 ** 31 + 10;
    await truncate(path, size);
    const source = await fileSource(path);
    expect((await source.read(0, size)).byteLength).toBe(size);
    await source.close();
  });
});

describe("a stream source", () => {
  it("leaves no temporary file behind", async () => {
    const folder = await temporaryFolder();
    const spool = await fileSpool(folder);
    const offset = await spool.append(BYTES);
    expect(await spool.append(Uint8Array.of(1, 2))).toBe(offset + BYTES.byteLength);
    const target = new Uint8Array(2);
    await spool.readInto(BYTES.byteLength, target);
    expect([...target]).toEqual([1, 2]);
    expect(await readdir(folder)).toEqual([]);
    await failure("SOURCE_SHORT", () => spool.readInto(BYTES.byteLength, new Uint8Array(3)));
    await spool.close();
    await failure("SOURCE_READ", () => spool.readInto(0, new Uint8Array(1)));
    await failure("SINK_WRITE", () => spool.append(BYTES));
  });

  it("says where temporary space cannot be had", async () => {
    const error = await failure("SINK_WRITE", async () => fileSpool(join(await temporaryFolder(), "absent")));
    expect(error.hint).toContain("TMPDIR");
  });

  it("takes as many bytes as its limit says, and not one more", async () => {
    expect((await streamSource(pieces(100), "s", { limit: 10_000 })).size).toBe(10_000);
    for (const inMemory of [0, 20_000]) {
      await failure("LIMIT_EXCEEDED", () => streamSource(pieces(100), "s", { limit: 9_999, inMemory }));
    }
    expect(MAX_STREAM_BYTES).toBe(2 ** 40);
  });

  it("tells a stream that breaks off from a short one", async () => {
    async function* broken() {
      yield BYTES;
      throw new Error("EIO");
    }
    for (const inMemory of [0, 20_000]) await failure("SOURCE_READ", () => streamSource(broken(), "s", { inMemory }));
  });
});

describe("openSource", () => {
  it("takes - for standard input, where there is one", async () => {
    expect((await openSource("-", { stdin: pieces(77) })).size).toBe(10_000);
    await failure("USAGE", () => openSource("-"));
  });

  it("takes a path that looks like nothing else", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "http:"));
    await failure("SOURCE_NOT_FOUND", () => openSource(join(folder, "http:", "x")));
  });
});
