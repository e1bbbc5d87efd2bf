import { describe, expect, it } from "vitest";
import { sectorClaims } from "../../src/container/qvf/claims.ts";
import { type DirectoryEntry, encodeDirectory, parseDirectory } from "../../src/container/qvf/directory.ts";
import { said } from "../helpers/errors.ts";

const SLOT = 64;
const utf8 = (text: string) => new TextEncoder().encode(text);

const entry = (name: string, more: Partial<DirectoryEntry> = {}): DirectoryEntry => ({
  name,
  isDirectory: false,
  time: 45_000.5,
  inode: 1024,
  meta: new Uint8Array(0),
  ...more,
});

/** The slots of one entry, with what `change` does to them. */
function changed(change: (view: DataView, bytes: Uint8Array) => void, name = "abc", more = {}): Uint8Array {
  const bytes = encodeDirectory([entry(name, more)]);
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes);
  return bytes;
}

const parsed = (bytes: Uint8Array, path = "") => said(() => parseDirectory(bytes, path));
const broken = { code: "QVF_DIRECTORY", part: "directory /" };

describe("a directory", () => {
  it("is written slot by slot, and what follows a body is zero", () => {
    const [bytes, view] = [
      encodeDirectory([entry("ab", { meta: utf8("{}\0") })]),
      (b: Uint8Array) => new DataView(b.buffer),
    ];
    expect(bytes.byteLength).toBe(SLOT);
    const v = view(bytes.slice());
    expect([v.getUint32(0, true), v.getUint32(4, true), v.getFloat64(8, true)]).toEqual([3, 0, 45_000.5]);
    expect([v.getBigUint64(16, true), v.getBigUint64(24, true)]).toEqual([1024n, 512n]);
    expect([...bytes.subarray(32)]).toEqual([2, 0, 0, 0, 97, 98, 3, 0, 0, 0, 123, 125, 0, ...new Array(19).fill(0)]);
    const folder = view(encodeDirectory([entry("ab", { isDirectory: true })]).slice());
    expect(folder.getUint32(0, true)).toBe(7);
  });

  it("gives each entry as many continuation slots as its name and meta need", () => {
    for (const [length, slots] of [
      [24, 0],
      [25, 1],
      [84, 1],
      [85, 2],
      [500, 8],
    ] as const) {
      const meta = new Uint8Array(length - 3).fill(7);
      const bytes = encodeDirectory([entry("abc", { meta })]);
      expect(bytes.byteLength, `${length}`).toBe(SLOT * (1 + slots));
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      expect(view.getUint32(4, true)).toBe(slots);
      for (let k = 1; k <= slots; k++) expect(view.getUint32(k * SLOT, true)).toBe(1);
      expect(parsed(bytes)).toEqual([entry("abc", { meta })]);
    }
  });

  it("is read as it was written, one entry after the other", () => {
    const entries = [
      entry("a", { isDirectory: true, inode: 2 ** 40 }),
      entry("ä".repeat(60), { meta: utf8(`${"x".repeat(99)}\0`), time: -1.25 }),
      entry("..."),
      entry("a.b"),
    ];
    expect(parsed(encodeDirectory(entries), "data")).toEqual(entries);
    expect(parsed(encodeDirectory([]))).toEqual([]);
  });

  it("may have junk in the other bits of the flags, and slots that are not in use", () => {
    const good = changed((view) => view.setUint32(0, 0xffff_fff3, true));
    expect(parsed(good)).toEqual([entry("abc")]);
    for (const flags of [0, 1, 2, 4, 6, 5, 0xffff_fffc]) {
      const unused = changed((view) => view.setUint32(0, flags, true), "gone");
      expect(parsed(new Uint8Array([...unused, ...good, ...unused])), `${flags}`).toEqual([entry("abc")]);
    }
  });

  it("is refused where a slot names an inode of another length than a sector", () => {
    for (const length of [0, 511, 513]) {
      expect(parsed(changed((view) => view.setUint32(24, length, true)))).toMatchObject(broken);
    }
    const second = encodeDirectory([entry("a"), entry("b")]);
    second[SLOT + 24] = 1;
    expect(parsed(second), "number of the slot, and the length").toMatchObject({ ...broken, numbers: [1, 513] });
    const far = changed((view) => view.setUint32(20, 0x0020_0000, true));
    expect(parsed(far), "an inode beyond 2^53").toMatchObject({ ...broken, offset: 16 });
  });

  it("is refused where an entry runs past the end, and not where it ends there", () => {
    const two = (count: number) =>
      changed((view) => view.setUint32(4, count, true), "abc", { meta: new Uint8Array(60) });
    expect(parsed(two(1))).toHaveLength(1);
    expect(parsed(two(2))).toMatchObject(broken);
    expect(parsed(two(0xffff_ffff))).toMatchObject(broken);
    // The same entry as the second one: what counts is what is left behind its own first slot.
    const before = encodeDirectory([entry("b")]);
    expect(parsed(new Uint8Array([...before, ...two(1)]))).toHaveLength(2);
    expect(parsed(new Uint8Array([...before, ...two(2)]))).toMatchObject({ ...broken, offset: undefined });
  });

  it("is refused where a continuation slot is not in use, or is the first of another entry", () => {
    for (const flags of [0, 2, 3, 7]) {
      const bytes = changed((view) => view.setUint32(SLOT, flags, true), "abc", { meta: new Uint8Array(60) });
      expect(parsed(bytes), `${flags}`).toMatchObject({ ...broken, offset: undefined });
    }
    const junk = changed((view) => view.setUint32(SLOT, 0xffff_fffd, true), "abc", { meta: new Uint8Array(60) });
    expect(parsed(junk)).toHaveLength(1);
  });

  it("is refused where lengths and slots do not fit together", () => {
    const more = new Uint8Array(SLOT);
    more[0] = 1;
    const spare = changed((view) => view.setUint32(4, 1, true));
    expect(parsed(new Uint8Array([...spare, ...more])), "a slot more than needed").toMatchObject({
      ...broken,
      offset: undefined,
    });
    expect(parsed(changed((view) => view.setUint32(32, 29, true))), "a name past the body").toMatchObject(broken);
    expect(parsed(changed((view) => view.setUint32(39, 22, true))), "meta past the body").toMatchObject(broken);
    expect(parsed(changed((view) => view.setUint32(39, 21, true))), "meta that fills it").toHaveLength(1);
  });

  it("is refused where a name is no name, or comes twice", () => {
    for (const name of ["", ".", "..", "a/b", "/", "a\0", "\0"]) {
      expect(parsed(encodeDirectory([entry(name)])), JSON.stringify(name)).toMatchObject({
        ...broken,
        offset: undefined,
      });
    }
    expect(parsed(changed((_, bytes) => bytes.fill(0xff, 36, 37)))).toMatchObject(broken);
    const twice = encodeDirectory([entry("a"), entry("b"), entry("a", { inode: 2048 })]);
    expect(parsed(twice, "data/x")).toMatchObject({ code: "QVF_DIRECTORY", part: "directory data/x" });
  });

  it("is refused where bytes are left after the last slot", () => {
    const good = encodeDirectory([entry("abc")]);
    for (const more of [1, 63]) {
      expect(parsed(new Uint8Array([...good, ...new Uint8Array(more)])), `${more}`).toMatchObject(broken);
    }
    expect(parsed(new Uint8Array([...good, ...new Uint8Array(SLOT)]))).toHaveLength(1);
  });
});

describe("the sectors of a file", () => {
  const SECTOR = 512;
  const take = (claims: ReturnType<typeof sectorClaims>, from: number, length: number) =>
    said(() => claims.take(from, length, "p"));

  it("are taken once, by whole sectors, and counted", () => {
    const claims = sectorClaims(20 * SECTOR);
    expect(take(claims, 0, SECTOR)).toBeUndefined();
    expect(take(claims, 3 * SECTOR, SECTOR + 1)).toBeUndefined();
    expect(claims.taken).toBe(3);
    expect(take(claims, 19 * SECTOR, 1)).toBeUndefined();
    expect(claims.taken).toBe(4);
    // 0, 3, 4 and 19 are gone, all others are there.
    for (const free of [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]) {
      expect(take(claims, free * SECTOR, SECTOR), `${free}`).toBeUndefined();
    }
    expect(claims.taken).toBe(20);
    for (let sector = 0; sector < 20; sector++) {
      const place = { code: "QVF_EXTENT", part: "p", offset: sector * SECTOR, numbers: [sector * SECTOR] };
      expect(take(claims, sector * SECTOR, SECTOR)).toMatchObject(place);
    }
    expect(claims.taken).toBe(20);
  });

  it("are not taken where any of them is gone", () => {
    const claims = sectorClaims(20 * SECTOR);
    take(claims, 9 * SECTOR, SECTOR);
    expect(take(claims, 7 * SECTOR, 3 * SECTOR)).toMatchObject({ code: "QVF_EXTENT", offset: 9 * SECTOR });
  });

  it("are inside the file and begin where a sector does", () => {
    const claims = sectorClaims(20 * SECTOR + 100);
    for (const [from, length] of [
      [1, SECTOR],
      [SECTOR - 1, 1],
      [0, 0],
      [SECTOR, -SECTOR],
      [0, 20 * SECTOR + 1],
      [0, 21 * SECTOR],
      [20 * SECTOR, 1],
      [19 * SECTOR, SECTOR + 1],
      [2 ** 52, SECTOR],
    ] as const) {
      expect(take(claims, from, length), `${from}+${length}`).toMatchObject({
        code: "QVF_EXTENT",
        part: "p",
        offset: from,
        length,
      });
    }
    expect(claims.taken).toBe(0);
    expect(take(claims, 0, 20 * SECTOR)).toBeUndefined();
  });
});
