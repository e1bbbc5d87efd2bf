import { describe, expect, it } from "vitest";
import { sectorClaims } from "../../src/container/qvf/claims.ts";
import { encodeInode, type Inode, readExtents, readInode } from "../../src/container/qvf/inode.ts";
import { QErr } from "../../src/errors.ts";
import { MAX_QVF_EXTENT_DEPTH } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";

const SECTOR = 512;
const FILE = 64 * SECTOR;
const INDIRECT = 1n << 63n;
const at = (sector: number) => sector * SECTOR;

/** Entries of an extent table: place and length in bytes; `table` says that it leads to another one. */
type Entry = readonly [offset: number, length: number, table?: "table"];

function entries(view: DataView, from: number, list: readonly Entry[]): void {
  for (const [i, [offset, length, table]] of list.entries()) {
    view.setBigUint64(from + 16 * i, BigInt(offset), true);
    view.setBigUint64(from + 16 * i + 8, BigInt(length) | (table ? INDIRECT : 0n), true);
  }
}

/** A file whose sector 1 is the inode, every byte of the others its sector's number; then what `change` does to it. */
function fileOf(
  { size, allocated = size, extents }: { size: number; allocated?: number; extents: readonly Entry[] },
  change: (view: DataView) => void = () => {},
): Uint8Array {
  const bytes = new Uint8Array(FILE).map((_, i) => Math.floor(i / SECTOR));
  bytes.set(encodeInode(at(1), size, undefined, false), at(1));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(at(1) + 8, BigInt(allocated), true);
  entries(view, at(1) + 0x30, extents);
  change(view);
  return bytes;
}

async function read(bytes: Uint8Array, claims = sectorClaims(FILE)) {
  try {
    return await readInode(memorySource(bytes), at(1), claims, "here");
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    const { code, part, offset, message } = error;
    return { code, part, offset, message };
  }
}

describe("an inode", () => {
  it("is read as it is written, with one extent or none", async () => {
    for (const root of [true, false]) {
      const bytes = new Uint8Array(FILE);
      bytes.set(encodeInode(at(1), 700, { offset: at(4), length: at(2) }, root), at(1));
      expect(await read(bytes)).toEqual({
        offset: at(1),
        size: 700,
        allocated: at(2),
        extents: [{ offset: at(4), length: at(2) }],
      });
      expect(bytes.subarray(at(1) + 0x10, at(1) + 0x20).every((b) => b === (root ? 0 : 0x11))).toBe(true);
    }
    expect(await read(fileOf({ size: 0, extents: [] }))).toMatchObject({ size: 0, allocated: 0, extents: [] });
  });

  it("points to its own table of 464 bytes", async () => {
    const wrong = {
      code: "QVF_INODE",
      part: "here",
      offset: at(1),
      message: "inode of here does not point to its own extent table",
    };
    const good = { size: 10, allocated: 512, extents: [[at(4), 512]] } as const;
    const changed = (offset: number, value: bigint) =>
      read(fileOf(good, (view) => view.setBigUint64(at(1) + offset, value, true)));
    expect(await changed(0x20, BigInt(at(1) + 0x30))).toHaveProperty("extents");
    for (const value of [0n, BigInt(at(1)), BigInt(at(2) + 0x30)]) expect(await changed(0x20, value)).toEqual(wrong);
    expect(await changed(0x28, 464n | INDIRECT)).toHaveProperty("extents");
    for (const value of [464n, 463n | INDIRECT, 560n | INDIRECT, 0n]) expect(await changed(0x28, value)).toEqual(wrong);
  });

  it("has as many bytes as its extents, and no more in use", async () => {
    const two = [
      [at(4), 512],
      [at(8), 1024],
    ] as const;
    expect(await read(fileOf({ size: 1536, extents: two }))).toHaveProperty("extents.length", 2);
    const wrong = (size: number, allocated: number) => ({
      code: "QVF_INODE",
      part: "here",
      offset: at(1),
      message: `here: size ${size}, allocated ${allocated}, extents hold 1536 bytes`,
    });
    for (const [size, allocated] of [
      [10, 1024],
      [10, 2048],
      [1537, 1536],
    ] as const)
      expect(await read(fileOf({ size, allocated, extents: two }))).toEqual(wrong(size, allocated));
  });

  it("has extents of whole sectors, each its own", async () => {
    const part = { code: "QVF_EXTENT", part: "here" };
    for (const length of [1, 511, 513])
      expect(await read(fileOf({ size: length, extents: [[at(4), length]] })), `${length}`).toEqual({
        ...part,
        offset: at(4),
        message: `here: extent of ${length} bytes is not made of sectors`,
      });
    for (const extents of [
      [[at(4) + 1, 512]],
      [[at(64), 512]],
      [[at(60), 5 * 512]],
      [
        [at(4), 512],
        [at(4), 512],
      ],
    ])
      expect(await read(fileOf({ size: 512, extents: extents as unknown as Entry[] }))).toMatchObject(part);
    const claims = sectorClaims(FILE);
    claims.take(at(4), 512, "another");
    expect(await read(fileOf({ size: 512, extents: [[at(4), 512]] }), claims)).toMatchObject(part);
  });

  it("fills its table to the last entry, and reads none behind one of length 0", async () => {
    const most = Array.from({ length: 29 }, (_, i): Entry => [at(10 + i), 512]);
    expect(await read(fileOf({ size: 29 * 512, extents: most }))).toHaveProperty("extents.length", 29);
    const stale: readonly Entry[] = [most[0]!, [0, 0], most[1]!];
    expect(await read(fileOf({ size: 512, extents: stale }))).toHaveProperty("extents.length", 1);
  });

  it("has further tables, which may be inside each other four deep and have any number of entries", async () => {
    const chain = (depth: number, tableBytes = 512) =>
      read(
        fileOf({ size: 512, extents: [depth === 1 ? [at(40), 512] : [at(10), tableBytes, "table"]] }, (view) => {
          for (let level = 2; level <= depth; level++) {
            const here = at(8 + level);
            new Uint8Array(view.buffer, here, 512).fill(0);
            entries(view, here, [level === depth ? [at(40), 512] : [at(9 + level), 512, "table"]]);
          }
        }),
      );
    for (let depth = 1; depth <= MAX_QVF_EXTENT_DEPTH; depth++)
      expect(await chain(depth), `${depth}`).toHaveProperty("extents", [{ offset: at(40), length: 512 }]);
    expect(await chain(MAX_QVF_EXTENT_DEPTH + 1)).toEqual({
      code: "QVF_EXTENT",
      part: "here",
      offset: at(1),
      message: "here: extent tables are nested too deep",
    });
    // One of one entry, without the zeros that end a table, and one that ends inside its second entry.
    expect(await chain(2, 16)).toHaveProperty("extents.length", 1);
    expect(await chain(2, 31)).toHaveProperty("extents.length", 1);
    const claims = sectorClaims(FILE);
    claims.take(at(10), 1, "another");
    const nested = fileOf({ size: 0, extents: [[at(10), 512, "table"]] });
    expect(await read(nested, claims)).toMatchObject({ code: "QVF_EXTENT" });
  });

  it("in a table behind the greatest whole number is damage of that table", async () => {
    const bytes = fileOf({ size: 512, extents: [[at(10), 512, "table"]] }, (view) =>
      view.setBigUint64(at(10), 2n ** 60n, true),
    );
    expect(await read(bytes)).toMatchObject({ code: "QVF_INODE", part: "extent table of here", offset: at(10) });
    const own = fileOf({ size: 512, extents: [] }, (view) => view.setBigUint64(at(1), 2n ** 60n, true));
    expect(await read(own)).toMatchObject({ code: "QVF_INODE", part: "inode of here", offset: at(1) });
  });
});

describe("bytes of a stream in several extents", () => {
  const inode: Inode = {
    offset: 0,
    size: 1536,
    allocated: 1536,
    extents: [
      { offset: at(5), length: 512 },
      { offset: at(3), length: 512 },
      { offset: at(9), length: 512 },
    ],
  };
  const bytes = fileOf({ size: 0, extents: [] }).map((b, i) => b ^ (i & 0xff));
  const all = new Uint8Array([5, 3, 9].flatMap((sector) => [...bytes.subarray(at(sector), at(sector + 1))]));

  it("are gathered, from anywhere to anywhere", async () => {
    for (const from of [0, 1, 511, 512, 513, 1023, 1024, 1535, 1536])
      for (const to of [0, 1, 511, 512, 513, 1024, 1025, 1536])
        if (from <= to)
          expect(await readExtents(memorySource(bytes), inode, from, to - from), `${from} to ${to}`).toEqual(
            all.slice(from, to),
          );
  });

  it("take one read for each extent that is touched, and none for nothing", async () => {
    const reads: string[] = [];
    const inner = memorySource(bytes);
    const source = {
      ...inner,
      read(offset: number, length: number) {
        reads.push(`read ${offset} ${length}`);
        return inner.read(offset, length);
      },
      readInto(offset: number, target: Uint8Array) {
        reads.push(`into ${offset} ${target.byteLength}`);
        return inner.readInto(offset, target);
      },
    };
    await readExtents(source, inode, 512, 512);
    await readExtents(source, inode, 510, 4);
    await readExtents(source, inode, 512, 0);
    expect(reads).toEqual([`read ${at(3)} 512`, `into ${at(5) + 510} 2`, `into ${at(3)} 2`]);
  });
});
