import { beforeAll, describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { authenticate, type OpenedRegion } from "../../src/seal/authenticate.ts";
import {
  checkPlainParts,
  checkSealedHashes,
  checkSealedItem,
  checkSealedParts,
  checkTiling,
  contextOf,
  placeOf,
  sealedSource,
} from "../../src/seal/check-parts.ts";
import { checkedSource } from "../../src/seal/checked-source.ts";
import type { SealedPart } from "../../src/seal/manifest.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { hashLeaves, LEAF_BYTES, macLeaves } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { keysOf } from "./people.ts";
import { fin, flippedAt, headOf, hr, twoSlots, withManifest, writer } from "./two-slots.ts";

let sealed: Uint8Array;
let head: RegionHead;
let region: OpenedRegion;

beforeAll(async () => {
  sealed = await twoSlots();
  head = await headOf(sealed);
  region = await authenticate(head, keysOf(hr, fin));
});

describe("parts of a sealed file", () => {
  const part = (offset: number, length: number, name = `at ${offset}`) =>
    ({ name, role: "member", offset, length, leaves: new Uint8Array(32), root: new Uint8Array(32) }) as const;
  /** A region's head of 100 bytes at byte 50, with one sealed part of 72 bytes 8 bytes behind it, and these plain ones. */
  const tiled = (...plain: readonly ReturnType<typeof part>[]): RegionHead => {
    const parts: readonly SealedPart[] = [
      { kind: "meta", offset: 8, length: 72, macs: new Uint8Array(16), leaves: undefined },
    ];
    const items = [{ ordinal: 0, name: "f", slot: 0, mask: "null", parts }] as const;
    return { ...withManifest(head, { plain, items }), offset: 50, headLength: 100 };
  };
  const said = (of: RegionHead, size: number) => {
    try {
      checkTiling(of, size);
      return "ok";
    } catch (error) {
      if (!(error instanceof QErr)) throw error;
      return { code: error.code, part: error.part, offset: error.offset, length: error.length };
    }
  };

  it("fill the file in whatever order they are named, without hole or overlap", () => {
    const fine = [part(0, 50), part(150, 8), part(230, 20)] as const;
    expect(said(tiled(...fine), 250)).toBe("ok");
    expect(said(tiled(...fine.toReversed()), 250)).toBe("ok");
    // Empty parts are anywhere.
    expect(said(tiled(part(7, 0), ...fine, part(9_999, 0)), 250)).toBe("ok");
    const damaged = (name: string, offset: number) => ({ code: "SEAL_DAMAGED", part: name, offset, length: undefined });
    expect(said(tiled(part(1, 49), part(150, 8)), 230)).toEqual(damaged("at 1", 0));
    expect(said(tiled(part(0, 51), part(150, 8)), 230)).toEqual(damaged("seal region", 51));
    expect(said(tiled(part(0, 49), part(150, 8)), 230)).toEqual(damaged("seal region", 49));
    expect(said(tiled(part(0, 50), part(150, 7)), 230)).toEqual(damaged('sealed meta of "f"', 157));
    expect(said(tiled(part(0, 50), part(150, 8), part(150, 8)), 238)).toEqual(damaged("at 150", 158));
  });

  it("end where the file ends", () => {
    const fine = tiled(part(0, 50), part(150, 8));
    expect(said(fine, 230)).toBe("ok");
    expect(said(fine, 229)).toEqual({ code: "SEAL_TRUNCATED", part: undefined, offset: 229, length: undefined });
    expect(said(fine, 233)).toEqual({ code: "SEAL_DAMAGED", part: undefined, offset: 230, length: 3 });
    expect(() => checkTiling(fine, 233)).toThrow(/^3 bytes follow/);
  });

  it("lie behind the head, and have a context of their own", () => {
    const [item] = head.manifest.items;
    expect(placeOf(head, item!, item!.parts[1]!)).toEqual({
      name: 'sealed symbols of "name"',
      offset: head.offset + head.headLength + item!.parts[0]!.length,
      length: item!.parts[1]!.length,
    });
    // SPEC 6.4: the words, the file, slot, ordinal, kind, and the name behind its length.
    const expected = Buffer.concat([
      Buffer.from("qvault seal/v1 part\0"),
      head.manifest.fileId,
      Buffer.from([0, 0, 1, 0, 0, 0, 1, 4, 0, 0, 0]),
      Buffer.from("name"),
    ]);
    expect(Buffer.from(contextOf(head, item!, item!.parts[1]!))).toEqual(expected);
  });

  it("that are plain are each compared with their digest, leaf by leaf, empty ones too", async () => {
    const bytes = new Uint8Array(LEAF_BYTES + 9).map((_, i) => i * 3);
    const leavesOf = (...pieces: readonly Uint8Array[]) => {
      const digest = hashLeaves();
      for (const piece of pieces) digest.push(piece);
      return digest.end();
    };
    const plain = [
      { ...part(4, bytes.length - 4), leaves: leavesOf(bytes.subarray(4)) },
      { ...part(0, 4), leaves: leavesOf(bytes.subarray(0, 4)) },
      { ...part(2, 0), leaves: leavesOf() },
    ];
    const check = (data: Uint8Array, parts = plain) =>
      checkPlainParts(memorySource(data), withManifest(head, { plain: parts }));
    await check(bytes);
    const place = (name: string, offset: number, length: number) => ({
      code: "SEAL_DAMAGED",
      part: name,
      offset,
      length,
    });
    await expect(check(flippedAt(bytes, 3))).rejects.toMatchObject(place("at 0", 0, 4));
    await expect(check(flippedAt(bytes, 4))).rejects.toMatchObject(place("at 4", 4, LEAF_BYTES));
    await expect(check(flippedAt(bytes, LEAF_BYTES + 4))).rejects.toMatchObject(place("at 4", LEAF_BYTES + 4, 5));
    // Whole leaves are followed by no empty one.
    const whole = { ...part(4, LEAF_BYTES), leaves: leavesOf(bytes.subarray(4, 4 + LEAF_BYTES)) };
    await check(bytes, [whole]);
    const wrong = [plain[0]!, plain[1]!, part(2, 0)];
    await expect(check(bytes, wrong)).rejects.toMatchObject(place("at 2", 2, 0));
  });

  it("that are plain are read through their digests, and nothing else is", async () => {
    const bytes = new Uint8Array(3 * LEAF_BYTES).map((_, i) => i * 5 + (i >> 20));
    const [from, length] = [100, 2 * LEAF_BYTES + 50];
    const digest = hashLeaves();
    digest.push(bytes.subarray(from, from + length));
    const plain = [part(50, 0), { ...part(from, length), leaves: digest.end() }];
    let reads = 0;
    const inner = memorySource(bytes);
    const counted = {
      ...inner,
      read(at: number, n: number) {
        reads += 1;
        return inner.read(at, n);
      },
    };
    const source = checkedSource(counted, plain);
    expect([source.size, source.name]).toEqual([bytes.length, inner.name]);
    const at = from + LEAF_BYTES - 5;
    expect(Buffer.from(await source.read(at, 10)).equals(bytes.subarray(at, at + 10))).toBe(true);
    expect(reads).toBe(2);
    // The last leaf is kept, and no other.
    await source.read(from + LEAF_BYTES, 3);
    expect(reads).toBe(2);
    await source.read(from, 3);
    expect(reads).toBe(3);
    const end = from + length;
    expect(Buffer.from(await source.read(end - 4, 4)).equals(bytes.subarray(end - 4, end))).toBe(true);
    for (const [offset, n] of [
      [from - 1, 2],
      [end - 1, 2],
      [end, 1],
      [50, 1],
    ] as const)
      await expect(source.read(offset, n)).rejects.toMatchObject({
        code: "SOURCE_RANGE",
        message: expect.stringMatching(/^byte \d+ of .+ is in no part that has digests/),
      });
    for (const bad of [from, from + LEAF_BYTES, end - 1]) {
      const leaf = Math.floor((bad - from) / LEAF_BYTES);
      await expect(checkedSource(memorySource(flippedAt(bytes, bad)), plain).read(bad, 1)).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
        offset: from + leaf * LEAF_BYTES,
        length: leaf === 2 ? 50 : LEAF_BYTES,
      });
    }
  });

  it("are found in whatever order they are named, and let go of the file", async () => {
    const bytes = new Uint8Array(300).map((_, i) => i);
    const leaves = (from: number, to: number) => {
      const leaf = hashLeaves();
      leaf.push(bytes.subarray(from, to));
      return leaf.end();
    };
    const plain = [
      { ...part(200, 100), leaves: leaves(200, 300) },
      { ...part(0, 50), leaves: leaves(0, 50) },
    ];
    let closed = 0;
    const inner = { ...memorySource(bytes), close: async () => void (closed += 1) };
    const source = checkedSource(inner, plain);
    expect([...(await source.read(40, 2)), ...(await source.read(299, 1))]).toEqual([40, 41, 299 - 256]);
    await source.close();
    expect(closed).toBe(1);
  });

  it("that are sealed are compared with digests where the file is signed", async () => {
    const signed = await twoSlots(writer);
    const of = await headOf(signed);
    const parts = of.manifest.items.flatMap((item) => item.parts.map((p) => placeOf(of, item, p)));
    expect(await checkSealedHashes(memorySource(signed), of)).toBe(parts.length);
    expect(await checkSealedHashes(memorySource(sealed), head)).toBe(0);
    for (const { offset, length, name } of parts) {
      for (const at of [offset, offset + length - 1])
        await expect(checkSealedHashes(memorySource(flippedAt(signed, at)), of)).rejects.toMatchObject({
          code: "SEAL_DAMAGED",
          part: name,
          offset,
        });
    }
  });

  it("that are sealed are read through their digests where a signature was checked, and only there", async () => {
    const signed = await twoSlots(writer);
    const of = await headOf(signed);
    const policy = { signature: { trusted: [writer.certificate] } };
    const trusted = await authenticate(of, keysOf(hr, fin), policy);
    const unasked = await authenticate(of, keysOf(hr, fin));
    const file = memorySource(signed);
    expect(sealedSource(file, unasked)).toBe(file);
    for (const item of of.manifest.items)
      for (const part of item.parts) {
        const { offset, length, name } = placeOf(of, item, part);
        const read = await sealedSource(file, trusted).read(offset, length);
        expect(Buffer.from(read).equals(signed.subarray(offset, offset + length))).toBe(true);
        for (const at of [offset, offset + length - 1]) {
          const changed = sealedSource(memorySource(flippedAt(signed, at)), trusted);
          await expect(changed.read(offset, length)).rejects.toMatchObject({ code: "SEAL_DAMAGED", part: name });
        }
      }
  });

  it("that are sealed are opened where their key is here, and MACed wherever they are", async () => {
    const mine = await authenticate(head, keysOf(hr));
    expect(await checkSealedParts(memorySource(sealed), region)).toEqual({ opened: 2, unopened: 0 });
    expect(await checkSealedParts(memorySource(sealed), mine)).toEqual({ opened: 1, unopened: 1 });
    for (const [i, item] of head.manifest.items.entries()) {
      for (const [k, part] of item.parts.entries()) {
        const { offset, length, name } = placeOf(head, item, part);
        for (const by of [region, mine]) {
          for (const at of [offset, offset + length - 1])
            await expect(checkSealedItem(memorySource(flippedAt(sealed, at)), by, i), name).rejects.toMatchObject({
              code: "SEAL_DAMAGED",
              part: name,
            });
          // Its MAC is another one: others could not read it.
          const parts = item.parts.map((p, n) => (n === k ? { ...p, macs: flippedAt(p.macs, 15) } : p));
          const items = head.manifest.items.map((other, n) => (n === i ? { ...item, parts } : other));
          const other = { ...by, head: withManifest(head, { items }) };
          await expect(checkSealedItem(memorySource(sealed), other, i), name).rejects.toMatchObject({
            code: "SEAL_DAMAGED",
            part: name,
            offset,
          });
        }
      }
    }
  });

  it("that are sealed and here are opened, since whoever has another slot's key can make MACs that fit", async () => {
    const [item] = head.manifest.items;
    const { offset, length } = placeOf(head, item!, item!.parts[0]!);
    const bad = flippedAt(sealed, offset + 60);
    const digest = macLeaves(region.leafKey, 0);
    digest.push(bad.subarray(offset, offset + length));
    const parts = item!.parts.map((p, i) => (i === 0 ? { ...p, macs: digest.end() } : p));
    const of = withManifest(head, { items: [{ ...item!, parts }] });
    const check = (by: OpenedRegion) => checkSealedItem(memorySource(bad), { ...by, head: of }, 0);
    expect(await check(await authenticate(head, keysOf(fin)))).toBe(false);
    await expect(check(region)).rejects.toMatchObject({ code: "SEAL_DAMAGED", part: 'sealed meta of "name"' });
  });

  it("that are sealed and long name the MiB that was changed", async () => {
    const bytes = new Uint8Array(100 + 2 * LEAF_BYTES + 500).map((_, i) => i * 11);
    const digest = macLeaves(region.leafKey, 0);
    digest.push(bytes.subarray(100));
    const long = {
      kind: "index",
      offset: 0,
      length: bytes.length - 100,
      macs: digest.end(),
      leaves: undefined,
    } as const;
    const items = [{ ordinal: 0, name: "f", slot: 0, mask: "null", parts: [long] }] as const;
    const of = { ...withManifest(head, { items }), offset: 40, headLength: 60 };
    const by = { ...region, head: of, dataKey: () => undefined };
    expect(await checkSealedItem(memorySource(bytes), by, 0)).toBe(false);
    for (const leaf of [0, 1, 2]) {
      const bad = flippedAt(bytes, 100 + leaf * LEAF_BYTES);
      await expect(checkSealedItem(memorySource(bad), by, 0)).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
        offset: 100 + leaf * LEAF_BYTES,
        length: leaf === 2 ? 500 : LEAF_BYTES,
      });
    }
    // Whoever takes them gets each, in order, and the check goes on.
    const named: (readonly (number | undefined)[])[] = [];
    const bad = flippedAt(flippedAt(bytes, 100), 100 + 2 * LEAF_BYTES);
    const take = ({ offset, length }: QErr) => void named.push([offset, length]);
    expect(await checkSealedItem(memorySource(bad), by, 0, take)).toBe(false);
    expect(named).toEqual([
      [100, LEAF_BYTES],
      [100 + 2 * LEAF_BYTES, 500],
    ]);
  });

  it("that are sealed and here name each chunk that was changed, and not the MiB around it as well", async () => {
    const item = head.manifest.items[0]!;
    const [meta, symbols] = item.parts.map((part) => placeOf(head, item, part));
    const bad = flippedAt(flippedAt(sealed, meta!.offset + 3), symbols!.offset + 60);
    const named: (readonly (string | number | undefined)[])[] = [];
    const take = ({ part, offset, length }: QErr) => void named.push([part, offset, length]);
    expect(await checkSealedParts(memorySource(bad), region, take)).toEqual({ opened: 2, unopened: 0 });
    expect(named).toEqual([
      [meta!.name, meta!.offset, 56],
      [symbols!.name, symbols!.offset + 56, symbols!.length - 56],
    ]);
    // What lacks its last chunk ends the check, as nobody knows its length.
    const cut = { ...item, parts: [{ ...item.parts[0]!, length: 60 }] };
    const of = { ...region, head: withManifest(head, { items: [cut] }) };
    await expect(checkSealedParts(memorySource(sealed), of, take)).rejects.toMatchObject({ code: "SEAL_TRUNCATED" });
  });

  it("are checked with a data key that is overwritten", async () => {
    const keys: Uint8Array[] = [];
    const dataKey = (item: number) => {
      keys.push(region.dataKey(item)!);
      return keys.at(-1);
    };
    expect(await checkSealedItem(memorySource(sealed), { ...region, dataKey }, 0)).toBe(true);
    expect(keys.map((key) => key.every((b) => b === 0))).toEqual([true]);
  });
});
