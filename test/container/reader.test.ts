import { describe, expect, it } from "vitest";
import { encodeDirectory, parseDirectory } from "../../src/container/qvf/directory.ts";
import { SECTOR } from "../../src/container/qvf/header.ts";
import { encodeInode } from "../../src/container/qvf/inode.ts";
import { directoryPart, newPart, type QvfPart } from "../../src/container/qvf/parts.ts";
import { openQvf, type QvfContainer } from "../../src/container/qvf/reader.ts";
import { containerPieces, FILE_STEP, writeContainer } from "../../src/container/qvf/writer.ts";
import { MAX_QVF_DEPTH, MAX_QVF_ENTRIES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { said, saidLater } from "../helpers/errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const stream = (path: string, content: string | Uint8Array): QvfPart =>
  newPart(path, "t", typeof content === "string" ? utf8(content) : content, 45_000);

async function image(parts: readonly QvfPart[]): Promise<Uint8Array> {
  const sink = memorySink();
  await writeContainer(sink, parts);
  await sink.commit();
  return sink.result().slice();
}

const PARTS = [
  stream("a", "alpha"),
  directoryPart("d", 1.5),
  stream("d/b", "x".repeat(SECTOR + 1)),
  directoryPart("d/e", 2.5),
  stream("d/e/c", ""),
  stream("z", "y".repeat(SECTOR)),
];

/** Two streams with a meta that takes two slots more each, and a directory. */
const ROOT_BYTES = (3 + 2 * 2) * 64;

const open = async (bytes: Uint8Array, limits = {}) => openQvf(memorySource(bytes), limits);

describe("an open container", () => {
  it("lists its entries by their paths, a directory before its content", async () => {
    const container = await open(await image(PARTS));
    expect(container.entries.map(({ path, name, isDirectory }) => [path, name, isDirectory])).toEqual([
      ["a", "a", false],
      ["d", "d", true],
      ["d/b", "b", false],
      ["d/e", "e", true],
      ["d/e/c", "c", false],
      ["z", "z", false],
    ]);
    expect(container.entry("d/b")).toBe(container.entries[2]);
    expect(container.entry("b")).toBeUndefined();
    expect(container.source.size % FILE_STEP).toBe(0);
  });

  it("gives its streams, or ranges of them", async () => {
    const container = await open(await image(PARTS));
    expect(text(await container.read("a"))).toBe("alpha");
    expect(text(await container.read("d/b"))).toBe("x".repeat(SECTOR + 1));
    expect((await container.read("d/e/c")).byteLength).toBe(0);
    expect([await container.size("a"), await container.size("d/b")]).toEqual([5, SECTOR + 1]);
    for (const [from, length, expected] of [
      [0, 5, "alpha"],
      [1, 3, "lph"],
      [3, 100, "ha"],
      [5, 1, ""],
      [9, 1, ""],
      [2, 0, ""],
    ] as const) {
      expect(text(await container.readRange("a", from, length)), `${from}+${length}`).toBe(expected);
    }
    expect(await container.inode("a")).toMatchObject({ size: 5, allocated: SECTOR });
    for (const path of ["none", "d", ""]) {
      for (const ask of [() => container.read(path), () => container.size(path), () => container.inode(path)]) {
        expect(await saidLater<unknown>(ask), path).toMatchObject({ code: "QVF_NO_ENTRY", part: path });
      }
    }
  });

  it("reads header, directories and their inodes, and an inode when its stream is asked for first", async () => {
    const bytes = await image(PARTS);
    const reads: number[] = [];
    let closed = 0;
    const memory = memorySource(bytes);
    const source: ByteSource = {
      ...memory,
      read: (offset, length) => {
        reads.push(offset);
        return memory.read(offset, length);
      },
      close: async () => void (closed += 1),
    };
    const container = await openQvf(source);
    expect(reads).toHaveLength(1 + 2 * 3);
    reads.length = 0;
    await container.size("a");
    await container.size("a");
    await container.inode("a");
    expect(reads).toHaveLength(1);
    await container.claimAll();
    expect(reads).toHaveLength(4);
    await container.close();
    expect(closed).toBe(1);
  });

  const edited = async (change: (view: DataView, container: QvfContainer) => void) => {
    const bytes = await image(PARTS);
    change(new DataView(bytes.buffer), await open(bytes));
    return bytes;
  };

  it("finds a sector that is used twice: when it is opened, or when a stream is asked for", async () => {
    const shared = await edited((view, container) => {
      const [a, z] = [container.entry("a")!.inode, container.entry("z")!.inode];
      view.setBigUint64(a + 0x30, BigInt(z + SECTOR), true);
    });
    const container = await open(shared);
    await container.read("a");
    expect(await saidLater(() => container.read("z"))).toMatchObject({ code: "QVF_EXTENT", part: "z" });
    const other = await open(shared);
    expect(await saidLater(() => other.claimAll())).toMatchObject({ code: "QVF_EXTENT", part: "z" });
    // An entry that leads to the header, the root directory or another entry.
    for (const to of [0, SECTOR, 2 * SECTOR]) {
      const loop = await edited((view, { entries }) => {
        const slot = [...Array(16).keys()]
          .map((k) => 2 * SECTOR + 64 * k)
          .find((at) => {
            return view.getBigUint64(at + 16, true) === BigInt(entries[5]!.inode);
          })!;
        view.setBigUint64(slot + 16, BigInt(to), true);
      });
      expect(await saidLater(() => open(loop)), `${to}`).toMatchObject({ code: "QVF_EXTENT", part: "z" });
    }
  });

  it("is refused where it is too short, no container, or not made of sectors", async () => {
    const bytes = await image(PARTS);
    const place = { code: "QVF_HEADER", part: "header" };
    for (const size of [0, SECTOR, 2 * SECTOR - 1]) {
      expect(await saidLater(() => open(bytes.subarray(0, size))), `${size}`).toMatchObject({ ...place, offset: 0 });
    }
    expect(await saidLater(() => open(new Uint8Array(2 * SECTOR)))).toMatchObject(place);
    expect(await saidLater(() => open(bytes.subarray(0, -1)))).toMatchObject(place);
    // The least there can be: header, the root's inode, and nothing in it.
    const least = bytes.slice(0, 2 * SECTOR);
    least.set(encodeInode(SECTOR, 0, undefined, true), SECTOR);
    expect((await open(least)).entries).toEqual([]);
  });

  it("is refused beyond its limits, with the part that goes there", async () => {
    const bytes = await image(PARTS);
    expect((await open(bytes, { depth: 3, entries: 6 })).entries).toHaveLength(6);
    expect(await saidLater(() => open(bytes, { depth: 2 }))).toMatchObject({ code: "QVF_DIRECTORY", part: "d/e" });
    expect(await saidLater(() => open(bytes, { entries: 5 }))).toMatchObject({ code: "LIMIT_EXCEEDED", part: "" });
    expect(await saidLater(() => open(bytes, { entries: 4 }))).toMatchObject({ code: "LIMIT_EXCEEDED", part: "d/e" });
    expect((await open(bytes, { directoryBytes: ROOT_BYTES })).entries).toHaveLength(6);
    const root = await saidLater(() => open(bytes, { directoryBytes: ROOT_BYTES - 1 }));
    expect(root).toMatchObject({ code: "LIMIT_EXCEEDED", part: "", offset: SECTOR });
    const container = await open(bytes, { streamBytes: 5 });
    expect(text(await container.read("a"))).toBe("alpha");
    const { offset } = await container.inode("z");
    expect(await saidLater(() => container.read("z"))).toMatchObject({ code: "LIMIT_EXCEEDED", part: "z", offset });
    expect(text(await container.readRange("z", 3, 5))).toBe("yyyyy");
    expect(await saidLater(() => container.readRange("z", 3, 6))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      numbers: [6, 5],
    });
  });

  it("names its damaged directories by their paths", async () => {
    const wrong = async (path: string) => {
      const bytes = await edited((view, container) => {
        view.setUint32(path === "/" ? SECTOR : container.entry(path)!.inode, 0xffff, true);
      });
      return saidLater(() => open(bytes));
    };
    expect(await wrong("/")).toMatchObject({ code: "QVF_INODE", part: "/" });
    expect(await wrong("d/e")).toMatchObject({ code: "QVF_INODE", part: "d/e" });
  });
});

describe("a container piece by piece", () => {
  const sizes = (parts: readonly QvfPart[]) =>
    containerPieces(parts).map((p) => [p.name, p.offset, p.length, p.inode?.byteLength]);

  it("has a header, the root directory, each part in turn, and zeros up to a whole step", async () => {
    expect(sizes(PARTS)).toEqual([
      ["header", 0, SECTOR, undefined],
      ["directory /", SECTOR, 2 * SECTOR, SECTOR],
      ["a", 3 * SECTOR, 2 * SECTOR, SECTOR],
      ["d", 5 * SECTOR, 2 * SECTOR, SECTOR],
      ["d/b", 7 * SECTOR, 3 * SECTOR, SECTOR],
      ["d/e", 10 * SECTOR, 2 * SECTOR, SECTOR],
      ["d/e/c", 12 * SECTOR, SECTOR, SECTOR],
      ["z", 13 * SECTOR, 2 * SECTOR, SECTOR],
      ["end of the file", 15 * SECTOR, FILE_STEP - 15 * SECTOR, undefined],
    ]);
    const bytes = await image(PARTS);
    const alone: number[] = [];
    for (const piece of containerPieces(PARTS)) {
      const before = alone.length;
      await piece.write(async (more) => void alone.push(...more));
      expect([piece.name, before, alone.length - before]).toEqual([piece.name, piece.offset, piece.length]);
    }
    expect(Uint8Array.from(alone)).toEqual(bytes);
    for (const [inode, mark] of [
      [SECTOR, 0],
      [3 * SECTOR, 0x11],
      [5 * SECTOR, 0x11],
    ] as const) {
      expect([...bytes.subarray(inode + 0x10, inode + 0x20)], `${inode}`).toEqual(Array(16).fill(mark));
    }
    // Nothing in a stream of no bytes, and zeros behind what a stream has.
    expect(bytes.subarray(12 * SECTOR + 0x30, 13 * SECTOR).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(4 * SECTOR + 5, 5 * SECTOR).every((byte) => byte === 0)).toBe(true);
  });

  it("has nothing at its end where it fills a whole step", () => {
    const full = sizes([stream("a", new Uint8Array(FILE_STEP - 4 * SECTOR))]);
    expect(full.at(-1)).toEqual(["a", 3 * SECTOR, FILE_STEP - 3 * SECTOR, SECTOR]);
    const more = sizes([stream("a", new Uint8Array(FILE_STEP - 4 * SECTOR + 1))]);
    expect(more.at(-1)).toEqual(["end of the file", FILE_STEP + SECTOR, FILE_STEP - SECTOR, undefined]);
  });

  it("has directories whose entries lead to the inodes", async () => {
    const bytes = await image(PARTS);
    const container = await open(bytes);
    const root = parseDirectory(bytes.subarray(2 * SECTOR, 2 * SECTOR + ROOT_BYTES), "");
    expect(root.map(({ name, inode, time }) => [name, inode, time])).toEqual([
      ["a", 3 * SECTOR, 45_000],
      ["d", 5 * SECTOR, 1.5],
      ["z", 13 * SECTOR, 45_000],
    ]);
    expect(container.entry("d/e")).toMatchObject({ inode: 10 * SECTOR, time: 2.5 });
    expect(encodeDirectory(root).byteLength).toBe(ROOT_BYTES);
  });

  it("is refused with paths that cannot be, come twice, or come before their directory", () => {
    const check = (...parts: readonly QvfPart[]) => said(() => containerPieces(parts).length);
    const place = (part: string) => ({ code: "QVF_VALUE", part });
    for (const path of ["", "/", "a/", "/a", ".", "..", "d/..", "d/.", "a\0", "\ud800"]) {
      expect(check(directoryPart("d", 0), stream(path, "")), JSON.stringify(path)).toMatchObject(place(path));
    }
    expect(check(stream("a", ""), stream("a", ""))).toMatchObject(place("a"));
    expect(check(stream("d/a", ""), directoryPart("d", 0))).toMatchObject(place("d/a"));
    expect(check(stream("d", ""), stream("d/a", ""))).toMatchObject(place("d/a"));
    expect(check(stream("...", ""), stream("a.", ""))).toBe(5);
    const nested = (depth: number) =>
      Array.from({ length: depth }, (_, i) =>
        directoryPart(
          Array(i + 1)
            .fill("d")
            .join("/"),
          0,
        ),
      );
    expect(check(...nested(MAX_QVF_DEPTH - 1))).toBe(MAX_QVF_DEPTH + 2);
    expect(check(...nested(MAX_QVF_DEPTH))).toMatchObject(place(Array(MAX_QVF_DEPTH).fill("d").join("/")));
    const most = Array<QvfPart>(MAX_QVF_ENTRIES).fill(stream("a", ""));
    expect(
      said(() => containerPieces(most)),
      "looked at one by one",
    ).toMatchObject(place("a"));
    const many = { length: MAX_QVF_ENTRIES + 1 } as QvfPart[];
    expect(said(() => containerPieces(many))).toMatchObject({ code: "QVF_VALUE", part: undefined });
  });

  it("is refused where a stream has another size than it was said to have", async () => {
    const lying = { ...stream("a", "12345"), size: 6 };
    expect(await saidLater(() => image([lying]))).toMatchObject({ code: "QVF_VALUE", part: "a", numbers: [6, 5] });
  });
});
