import { describe, expect, it } from "vitest";
import { checkWholeSectors } from "../../src/container/qvf/conversion.ts";
import { encodeDirectory } from "../../src/container/qvf/directory.ts";
import { encodeHeader, SECTOR } from "../../src/container/qvf/header.ts";
import { encodeInode } from "../../src/container/qvf/inode.ts";
import { overlaidContainer } from "../../src/container/qvf/overlay.ts";
import { directoryPart, newPart, SEAL_MEMBER } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { findSealMember } from "../../src/container/qvf/seal-member.ts";
import { FILE_STEP, writeContainer } from "../../src/container/qvf/writer.ts";
import { QErr } from "../../src/errors.ts";
import { MAX_QVF_DIRECTORY_BYTES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { checkRange } from "../../src/source/range.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { saidLater } from "../helpers/errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const CR = 13;
const LF = 10;

/** A source of zeros but for some `bytes` by their offsets; notes the length of each read. */
function sparse(size: number, bytes: ReadonlyMap<number, number>, asked: number[]): ByteSource {
  const read = async (offset: number, length: number) => {
    checkRange("sparse", size, offset, length);
    asked.push(length);
    const out = new Uint8Array(length);
    for (const [at, byte] of bytes) if (at >= offset && at < offset + length) out[at - offset] = byte;
    return out;
  };
  return {
    size,
    name: "sparse",
    read,
    readInto: async (at, to) => to.set(await read(at, to.byteLength)),
    close: async () => {},
  };
}

describe("a file that is not made of sectors", () => {
  const lines = (pairs: number, bare: number) => {
    const bytes = new Uint8Array(SECTOR * 4 + 1).fill(65);
    let at = 0;
    for (let i = 0; i < pairs; i++, at += 3) bytes.set([CR, LF], at);
    for (let i = 0; i < bare; i++, at += 2) bytes[at] = LF;
    return saidLater(() => checkWholeSectors(memorySource(bytes)));
  };

  it("was converted where all its line ends are of one kind, and enough of them", async () => {
    for (const [pairs, bare, code] of [
      [0, 64, "QVF_CONVERTED"],
      [64, 0, "QVF_CONVERTED"],
      [0, 63, "QVF_HEADER"],
      [63, 0, "QVF_HEADER"],
      [0, 0, "QVF_HEADER"],
      [1, 64, "QVF_HEADER"],
      [64, 1, "QVF_HEADER"],
    ] as const) {
      expect(await lines(pairs, bare), `${pairs} pairs, ${bare} bare`).toMatchObject({ code });
    }
    expect(await lines(0, 0)).toMatchObject({ part: "header" });
  });

  it("says which way it was converted, and what to do", async () => {
    const told = async (text: string) => {
      const bytes = utf8(text.repeat(100).padEnd(SECTOR + 1, "x"));
      return checkWholeSectors(memorySource(bytes)).then(undefined, (error: QErr) => [error.message, error.hint]);
    };
    const [unix, windows, cut] = [await told("a\n"), await told("a\r\n"), await told("")];
    expect(unix).toEqual([expect.stringContaining("CR LF became LF"), expect.stringContaining("*.qvf")]);
    expect(windows).toEqual([expect.stringContaining("LF became CR LF"), expect.stringContaining("*.qvf")]);
    expect(cut).toEqual([expect.any(String), expect.stringContaining("--salvage")]);
  });

  it("is told from a whole one without reading that", async () => {
    const asked: number[] = [];
    await checkWholeSectors(sparse(SECTOR * 7, new Map(), asked));
    expect(asked).toEqual([]);
  });

  const MIB = 1024 * 1024;

  it("is looked at up to 16 MiB, a piece at a time, its line ends also where pieces meet", async () => {
    const asked: number[] = [];
    // A pair over the border of the first two pieces, and a bare line feed where nobody looks.
    const bytes = new Map([
      [MIB - 1, CR],
      [MIB, LF],
      [16 * MIB, LF],
    ]);
    for (let i = 0; i < 126; i++) bytes.set(8 * MIB + i, i % 2 === 0 ? CR : LF);
    expect(await saidLater(() => checkWholeSectors(sparse(16 * MIB + 1, bytes, asked)))).toMatchObject({
      code: "QVF_CONVERTED",
    });
    expect(asked).toEqual(Array(16).fill(MIB));
    const small: number[] = [];
    await saidLater(() => checkWholeSectors(sparse(MIB + 5, new Map(), small)));
    expect(small).toEqual([MIB, 5]);
  });
});

async function image(...names: readonly string[]): Promise<Uint8Array> {
  const sink = memorySink();
  const parts = names.map((name) =>
    name.endsWith("/")
      ? directoryPart(name.slice(0, -1), 1)
      : newPart(name, "t", utf8(name.repeat(name === SEAL_MEMBER ? 3000 : 100)), 1),
  );
  await writeContainer(sink, parts);
  await sink.commit();
  return sink.result().slice();
}

describe("a container that other streams are laid over", () => {
  const overlaid = async () => {
    const base = await openQvf(memorySource(await image("a", "b", "c")));
    const [a, b] = base.entries;
    const added = { ...b!, name: "d", path: "d" };
    const streams = new Map([
      ["b", { entry: b!, read: async () => utf8("instead") }],
      ["d", { entry: added, read: async () => utf8("new") }],
      ["c", { entry: base.entry("c")!, read: async () => utf8("not listed") }],
    ]);
    return { base, over: overlaidContainer(base, [added, a!, b!], streams) };
  };

  it("gives theirs where there is one, its own elsewhere, and nothing that is not listed", async () => {
    const { base, over } = await overlaid();
    const text = async (bytes: Promise<Uint8Array>) => new TextDecoder().decode(await bytes);
    expect(over.entries.map(({ path }) => path)).toEqual(["d", "a", "b"]);
    expect([over.entry("d")?.path, over.entry("c")]).toEqual(["d", undefined]);
    expect([await over.size("a"), await over.size("b"), await over.size("d")]).toEqual([100, 7, 3]);
    expect(await text(over.read("a"))).toBe("a".repeat(100));
    expect(await text(over.read("b"))).toBe("instead");
    expect(await text(over.readRange("a", 98, 10))).toBe("aa");
    expect(await text(over.readRange("b", 2, 3))).toBe("ste");
    expect(await text(over.readRange("d", 1, 100))).toBe("ew");
    for (const ask of [() => over.read("c"), () => over.size("c"), () => over.readRange("c", 0, 1)]) {
      expect(await saidLater<unknown>(ask)).toMatchObject({ code: "QVF_NO_ENTRY", part: "c" });
    }
    expect([over.source, over.inode, over.claimAll, over.close]).toEqual([
      base.source,
      base.inode,
      base.claimAll,
      base.close,
    ]);
  });
});

describe("the seal of an app", () => {
  const find = (bytes: Uint8Array) => saidLater(() => findSealMember(memorySource(bytes)));
  const sealed = () => image("a", "media/", SEAL_MEMBER);
  const placeOf = async (bytes: Uint8Array) => (await openQvf(memorySource(bytes))).inode(SEAL_MEMBER);
  const edited = (bytes: Uint8Array, at: number, value: number) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };

  it("is found by its name, as the last stream of the file", async () => {
    const bytes = await sealed();
    const { offset } = await placeOf(bytes);
    const place = { offset: offset + SECTOR, length: SEAL_MEMBER.length * 3000, fileLength: bytes.byteLength };
    expect(await find(bytes)).toEqual(place);
    expect(bytes.byteLength).toBe(3 * FILE_STEP);
    // Also in a file that was cut behind its inode, and with whatever else is wrong.
    expect(await find(bytes.subarray(0, offset + SECTOR))).toEqual(place);
    expect(await find(bytes.subarray(0, offset + SECTOR + 7))).toEqual(place);
  });

  it("is told to be cut off where its inode is", async () => {
    const bytes = await sealed();
    const { offset } = await placeOf(bytes);
    const place = { offset: offset + SECTOR, length: 0, fileLength: offset + 2 * SECTOR };
    for (const size of [offset + SECTOR - 1, offset, offset - 1])
      expect(await find(bytes.subarray(0, size))).toEqual(place);
  });

  it("is not there without that name, as a directory, or where header or directory are none", async () => {
    const bytes = await sealed();
    for (const none of [
      await image("a", "b"),
      await image(`${SEAL_MEMBER}/`),
      edited(bytes, 0, 0),
      edited(bytes, 2 * SECTOR + 24, 0xff),
      bytes.subarray(0, 2 * SECTOR),
      bytes.subarray(0, 100),
      bytes.subarray(0, 0),
    ]) {
      expect(await find(none)).toBeUndefined();
    }
  });

  it("is none where an inode is not bit for bit what a writer makes", async () => {
    const bytes = await sealed();
    const { offset } = await placeOf(bytes);
    for (const inode of [SECTOR, offset]) {
      for (const at of [0, 8, 0x10, 0x1f, 0x20, 0x28, 0x30, 0x38, 0x40, SECTOR - 4]) {
        const value = new DataView(bytes.buffer).getUint32(inode + at, true) ^ (at === 0 ? 0x8000_0000 : 1);
        expect(await find(edited(bytes, inode + at, value >>> 0)), `${inode}+${at}`).toBeUndefined();
      }
    }
  });

  /** A header and a root directory of `size` bytes, behind them what `entries` say. */
  function rootOf(size: number, allocated = size): ByteSource {
    const entry = { name: SEAL_MEMBER, isDirectory: false, time: 0, inode: 8 * SECTOR, meta: new Uint8Array(0) };
    const head = new Uint8Array(9 * SECTOR);
    head.set(encodeHeader(SECTOR));
    head.set(encodeInode(SECTOR, size, { offset: 2 * SECTOR, length: allocated }, true), SECTOR);
    head.set(encodeDirectory([entry]), 2 * SECTOR);
    head.set(encodeInode(8 * SECTOR, 4, { offset: 9 * SECTOR, length: SECTOR }, false), 8 * SECTOR);
    const bytes = new Uint8Array(2 * SECTOR + MAX_QVF_DIRECTORY_BYTES + 2 * SECTOR);
    bytes.set(head);
    return memorySource(bytes);
  }

  it("is not looked for in a directory that is too large, or larger than what it has", async () => {
    const found = { offset: 9 * SECTOR, length: 4, fileLength: FILE_STEP };
    expect(await findSealMember(rootOf(64, SECTOR))).toEqual(found);
    expect(await findSealMember(rootOf(SECTOR))).toEqual(found);
    expect(await findSealMember(rootOf(SECTOR, 64))).toBeUndefined();
    expect(await findSealMember(rootOf(MAX_QVF_DIRECTORY_BYTES))).toEqual(found);
    expect(await findSealMember(rootOf(MAX_QVF_DIRECTORY_BYTES + SECTOR))).toBeUndefined();
  });

  it("is none in an inode that does not lie on a sector, or has nothing behind it", async () => {
    const bytes = await sealed();
    const { offset } = await placeOf(bytes);
    const slot = bytes.findIndex((_, i) => i > SECTOR && new DataView(bytes.buffer).getUint32(i, true) === offset);
    expect(await find(edited(bytes, slot, offset + 64))).toBeUndefined();
    expect(await find(edited(bytes, slot, bytes.byteLength + 64)), "nor beyond the end").toBeUndefined();
    expect(await find(edited(bytes, slot, offset))).toBeDefined();
    const empty = bytes.slice();
    empty.set(encodeInode(offset, 0, undefined, false), offset);
    expect(await find(empty)).toBeUndefined();
  });

  it("is not said to be absent where the file cannot be read", async () => {
    const broken: ByteSource = {
      ...memorySource(await sealed()),
      read: async () => {
        throw new QErr("SOURCE_READ", "no");
      },
    };
    expect(await saidLater(() => findSealMember(broken))).toMatchObject({ code: "SOURCE_READ" });
    const other = { ...broken, read: async () => Promise.reject(new TypeError("x")) };
    await expect(findSealMember(other)).rejects.toThrow(TypeError);
  });
});
