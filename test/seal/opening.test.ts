import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import type { KeyHandle } from "../../src/keys/keystore.ts";
import { authenticate, type FindKey, type OpenedRegion } from "../../src/seal/authenticate.ts";
import { fileMac, slotMac } from "../../src/seal/macs.ts";
import { encodeManifest, type Manifest } from "../../src/seal/manifest.ts";
import { packMessage } from "../../src/seal/msgpack.ts";
import {
  assembleHead,
  encodePrefix,
  fillKeyArea,
  proofBytes,
  type RegionHead,
  readRegionHead,
} from "../../src/seal/region.ts";
import { encodeSlotEntry } from "../../src/seal/slot-entry.ts";
import { fileMacKey } from "../../src/seal/suite.ts";
import { memorySource } from "../../src/source/memory.ts";
import { keysOf, type Person, person } from "./people.ts";
import { fin, flippedAt, headOf, hr, twoSlots, writer } from "./two-slots.ts";

const names = ["hr", "fin"];
let head: RegionHead;
let region: OpenedRegion;

beforeAll(async () => {
  head = await headOf(await twoSlots());
  region = await authenticate(head, keysOf(hr, fin));
});

describe("opening slots", () => {
  /** The head as somebody makes it who holds both keys: MACs that fit whatever it says. */
  function forged(by: OpenedRegion, change: Partial<Manifest>, signature = by.head.proofs.signature): RegionHead {
    const manifest = { ...by.head.manifest, ...change };
    const manifestBytes = encodeManifest(manifest);
    const { prefix, keyArea, entryBytes } = by.head;
    const macs = by.slots.map((s) => slotMac(s.keys.mac, prefix, manifestBytes, entryBytes[s.slot]!));
    const key = fileMacKey(by.commonKey, manifest.fileId);
    const mac = fileMac(key, prefix, manifestBytes, keyArea, proofBytes(macs, signature));
    return { ...by.head, manifest, manifestBytes, proofs: { macs, signature, fileMac: mac } };
  }
  const slotsOf = (r: OpenedRegion) => r.slots.map((s) => names[s.slot]);

  it("opens those whose key is found, of the names that are asked for", async () => {
    expect(slotsOf(region)).toEqual(["hr", "fin"]);
    expect(slotsOf(await authenticate(head, keysOf(fin)))).toEqual(["fin"]);
    expect(slotsOf(await authenticate(head, keysOf(hr, fin), { slots: ["fin"] }))).toEqual(["fin"]);
    const x5t = (p: Person) => p.handle.info.x5t;
    const none = (find: FindKey, slots?: readonly string[]) => authenticate(head, find, { slots });
    await expect(none(keysOf(writer))).rejects.toMatchObject({
      code: "SEAL_NO_IDENTITY",
      hint: expect.stringMatching(`hr: ${x5t(hr)}, fin: ${x5t(fin)}$`),
    });
    await expect(none(keysOf(hr), ["fin"])).rejects.toMatchObject({
      code: "SEAL_NO_IDENTITY",
      hint: expect.stringMatching(`\\) fin: ${x5t(fin)}$`),
    });
    await expect(none(keysOf(hr), ["no such"])).rejects.toMatchObject({
      code: "SEAL_NO_IDENTITY",
      hint: "the file has no slot of that name",
    });
  });

  it("names eight of those who could, and how many more there are", async () => {
    const more = Array.from({ length: 9 }, (_, i) => person(`p${i}`));
    const hint = async (count: number) => {
      const of = await headOf(await twoSlots(undefined, more.slice(0, count)));
      return authenticate(of, keysOf(writer)).catch((error: QErr) => error.hint);
    };
    expect(((await hint(6)) as string).match(/(hr|fin): [0-9A-F]{40}/g)).toHaveLength(8);
    expect(await hint(6)).not.toContain("more");
    expect(await hint(9)).toMatch(/(hr: [0-9A-F]{40}, ){8}and 3 more$/);
    const bare = {
      ...head,
      entries: head.entries.map((e) => ({ ...e, recipients: e.recipients.map((r) => ({ ...r, x5t: undefined })) })),
    };
    await expect(authenticate(bare, keysOf(writer))).rejects.toMatchObject({
      hint: expect.stringContaining(`hr: ${hr.handle.info.spkiS256}`),
    });
  });

  it("checks the MAC of each slot that opens, and the file's over all of the head", async () => {
    const both = keysOf(hr, fin);
    expect(slotsOf(await authenticate(forged(region, {}), both))).toEqual(["hr", "fin"]);
    const place = { code: "SEAL_DAMAGED", part: "seal region", offset: head.offset, length: head.headLength };
    const check = (change: Partial<RegionHead>) => authenticate({ ...head, ...change }, both);
    await expect(check({ manifestBytes: flippedAt(head.manifestBytes, 3) })).rejects.toMatchObject(place);
    await expect(check({ prefix: flippedAt(head.prefix, 30) })).rejects.toMatchObject(place);
    for (const slot of [0, 1]) {
      const macs = head.proofs.macs.map((mac, i) => (i === slot ? flippedAt(mac, 31) : mac));
      await expect(check({ proofs: { ...head.proofs, macs } })).rejects.toMatchObject(place);
      const entryBytes = head.entryBytes.map((e, i) => (i === slot ? flippedAt(e, 9) : e));
      await expect(check({ entryBytes })).rejects.toMatchObject(place);
    }
    const outside = { code: "SEAL_DAMAGED", part: "seal region", offset: undefined };
    await expect(check({ keyArea: flippedAt(head.keyArea, head.keyArea.length - 1) })).rejects.toMatchObject(outside);
    await expect(
      check({ proofs: { ...head.proofs, fileMac: flippedAt(head.proofs.fileMac, 0) } }),
    ).rejects.toMatchObject(outside);
    await expect(check({ proofs: { ...head.proofs, signature: "x" } })).rejects.toMatchObject(outside);
  });

  it("minds a signature that is promised and not there, or there and not promised", async () => {
    const both = keysOf(hr, fin);
    const policy = { signature: { trusted: [writer.certificate] } };
    const signed = await headOf(await twoSlots(writer));
    const opened = await authenticate(signed, both);
    expect([opened.signature, region.signature]).toEqual(["present, not checked", "none"]);
    expect((await authenticate(signed, both, policy)).signature).toBe("verified");
    await expect(authenticate(head, both, policy)).rejects.toMatchObject({ code: "SEAL_UNSIGNED" });
    const bad = { code: "SEAL_BAD_SIGNATURE" };
    await expect(authenticate(forged(opened, {}, ""), both)).rejects.toMatchObject(bad);
    await expect(authenticate(forged(opened, { signer: undefined }), both)).rejects.toMatchObject(bad);
    await expect(authenticate(forged(opened, { writer: "else" }), both, policy)).rejects.toMatchObject(bad);
    expect((await authenticate(forged(opened, { signer: undefined }, ""), both)).signature).toBe("none");
  });

  it("gives the data keys of the slots that are open, each time a copy, and overwrites all keys at the end", async () => {
    const mine = await authenticate(head, keysOf(fin));
    expect(mine.dataKey(0)).toBeUndefined();
    const key = mine.dataKey(1)!;
    expect(key).toHaveLength(32);
    expect(mine.dataKey(1)).toEqual(key);
    expect(mine.dataKey(1)).not.toBe(key);
    const both = await authenticate(head, keysOf(hr, fin));
    expect(both.dataKey(0)).toHaveLength(32);
    expect(both.dataKey(1)).toEqual(key);
    expect(both.dataKey(2)).toBeUndefined();
    const all = [
      both.commonKey,
      both.leafKey,
      ...both.slots.flatMap((s) => [s.slotKey, s.contentKey, s.keys.wrap, s.keys.mac]),
    ];
    expect(all).toHaveLength(10);
    for (const secret of all) expect(secret.some((b) => b !== 0)).toBe(true);
    both.wipe();
    for (const secret of all) expect(secret.every((b) => b === 0)).toBe(true);
  });

  it("goes on to another recipient where one does not fit, and stops where the key store is the trouble", async () => {
    const second = person("second");
    const of = await headOf(await twoSlots(undefined, [second]));
    let closed = 0;
    const find =
      (answer: (handle: KeyHandle) => KeyHandle["unwrap"], ...people: readonly Person[]): FindKey =>
      async (ref) => {
        const found = await keysOf(...people)(ref);
        if (found === undefined) return undefined;
        const unwrap = ref.spkiS256 === hr.handle.info.spkiS256 ? answer(found) : found.unwrap;
        return { ...found, unwrap, close: async () => void closed++ };
      };
    const failing = (error: unknown) => () => async () => {
      throw error;
    };
    for (const error of ["KEY_UNWRAP_FAILED", "SEAL_WRONG_KEY"] as const) {
      closed = 0;
      const refused = new QErr(error, "no", { hint: "because" });
      expect(slotsOf(await authenticate(of, find(failing(refused), hr, second)))).toEqual(["hr"]);
      expect(closed).toBe(2);
      await expect(authenticate(of, find(failing(refused), hr))).rejects.toMatchObject({
        code: "SEAL_WRONG_KEY",
        hint: "because",
        cause: refused,
      });
      expect(closed).toBe(3);
    }
    // Another shared secret is another key: what comes out does not unwrap.
    const other = () => async () => new Uint8Array(randomBytes(32));
    await expect(authenticate(of, find(other, hr))).rejects.toMatchObject({ code: "SEAL_WRONG_KEY" });
    for (const error of [new QErr("KEY_PIN_LOCKED", "no"), new TypeError("a bug")]) {
      closed = 0;
      await expect(authenticate(of, find(failing(error), hr, second))).rejects.toBe(error);
      expect(closed).toBe(1);
    }
  });
});

describe("a key area", () => {
  it("holds keys that fit it with their length, and is filled up with zeros", () => {
    expect([...fillKeyArea(Uint8Array.of(7, 8), 9)]).toEqual([2, 0, 0, 0, 7, 8, 0, 0, 0]);
    expect([...fillKeyArea(Uint8Array.of(7, 8), 6)]).toEqual([2, 0, 0, 0, 7, 8]);
    for (const length of [5, 0]) {
      expect(() => fillKeyArea(Uint8Array.of(7, 8), length)).toThrow(
        expect.objectContaining({
          code: "SEAL_KEYS_FULL",
          part: "slot keys",
          message: `the keys need 6 bytes, the file has room for ${length}`,
          hint: expect.stringContaining("reseal"),
        }),
      );
    }
  });
});

describe("a region's head, read", () => {
  const base = { regionLength: 0, manifestLength: 0, keyAreaLength: 0, proofLength: 0 };
  const place = { part: "seal region", offset: 5, length: 60 };
  /** These bytes at byte 5 of a file, in a region said to be so long. */
  const read = (bytes: Uint8Array, length = bytes.length, size = 5 + bytes.length) => {
    const all = new Uint8Array(5 + bytes.length);
    all.set(bytes, 5);
    return readRegionHead({ ...memorySource(all), size }, 5, length);
  };

  it("is refused where its prefix does not fit the file", async () => {
    const prefix = (change: Partial<typeof base>) => encodePrefix({ ...base, regionLength: 60, ...change }).slice();
    const cut = { code: "SEAL_TRUNCATED", ...place };
    await expect(read(prefix({}), 39)).rejects.toMatchObject({ ...cut, length: 39 });
    await expect(read(prefix({}), 60, 44)).rejects.toMatchObject(cut);
    const shorter = { code: "SEAL_DAMAGED", message: "the seal region is shorter than its head" };
    await expect(read(prefix({ regionLength: 40 }), 40)).rejects.toMatchObject({ ...shorter, ...place, length: 40 });
    // Just enough for the prefix: what comes next is another complaint.
    await expect(read(prefix({}), 60, 45)).rejects.toMatchObject({ code: "SEAL_DAMAGED" });
    await expect(read(prefix({ regionLength: 100 }), 100, 102)).rejects.toMatchObject({
      ...cut,
      length: 100,
      message: "the file ends 3 bytes before the end of its seal region",
    });
    for (const at of [0, 7])
      await expect(read(flippedAt(prefix({}), at), 60)).rejects.toMatchObject({ code: "SEAL_DAMAGED", ...place });
    for (const at of [8, 12])
      await expect(read(flippedAt(prefix({}), at), 60)).rejects.toMatchObject({
        code: "SEAL_VERSION",
        ...place,
        hint: expect.stringContaining("newer"),
      });
    const nonZero = { code: "SEAL_DAMAGED", message: "the seal region has a value where zero must be" };
    for (const at of [36, 39])
      await expect(read(flippedAt(prefix({}), at), 60)).rejects.toMatchObject({ ...nonZero, ...place });
    for (const regionLength of [59, 61]) {
      const message = `the seal region has ${regionLength} bytes, the header leaves it 60`;
      await expect(read(prefix({ regionLength }), 60)).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
        message,
        ...place,
      });
    }
    // 40 bytes of prefix and 32 of checksum are more than 60.
    await expect(read(prefix({}), 60, 500)).rejects.toMatchObject({ code: "SEAL_DAMAGED", ...place });
    for (const over of [{ manifestLength: 2 ** 31 }, { keyAreaLength: 2 ** 31 }])
      await expect(read(prefix(over), 60)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", ...place });
  });

  it("is refused where its pieces are not what they must be, though the checksum fits", async () => {
    const { manifestBytes, keyArea, proofs, entryBytes } = head;
    const proof = new Uint8Array([...proofBytes(proofs.macs, proofs.signature), ...proofs.fileMac]);
    const made = (keys: Uint8Array, end = proof) => {
      const sizes = { manifestLength: manifestBytes.length, keyAreaLength: keys.length, proofLength: end.length };
      const regionLength = 40 + manifestBytes.length + keys.length + end.length + 32;
      return assembleHead(encodePrefix({ ...base, ...sizes, regionLength }), manifestBytes, keys, end);
    };
    const fine = await read(made(keyArea));
    expect(fine).toMatchObject({ offset: 5, headLength: made(keyArea).length, regionLength: made(keyArea).length });
    expect(fine.entryBytes).toEqual(entryBytes);
    expect(fine.proofs).toEqual(proofs);
    const damaged = (bytes: Uint8Array) => expect(read(bytes)).rejects;
    await damaged(flippedAt(made(keyArea), 100)).toMatchObject({
      code: "SEAL_DAMAGED",
      part: "seal region",
      offset: 5,
      length: made(keyArea).length,
    });
    const used = 4 + new DataView(keyArea.buffer, keyArea.byteOffset).getUint32(0, true);
    for (const at of [used, keyArea.length - 1])
      await damaged(made(flippedAt(keyArea, at))).toMatchObject({ code: "SEAL_DAMAGED", part: "slot keys" });
    const keys = (entries: readonly Uint8Array[]) => {
      const packed = packMessage(entries);
      const area = new Uint8Array(4 + packed.length);
      new DataView(area.buffer).setUint32(0, packed.length, true);
      area.set(packed, 4);
      return area;
    };
    expect((await read(made(keys(entryBytes)))).entryBytes).toHaveLength(2);
    const keyDamage = (message: string) => ({ code: "SEAL_DAMAGED", part: "slot keys", message });
    for (const entries of [[entryBytes[0]!], [...entryBytes, entryBytes[0]!]])
      await damaged(made(keys(entries))).toMatchObject(keyDamage("the key area does not have one entry a slot"));
    // Bytes that are not there, at the count and behind it.
    for (const area of [new Uint8Array(3), Uint8Array.of(9, 0, 0, 0, 0x90)])
      await damaged(made(area)).toMatchObject({ code: "SEAL_DAMAGED", part: "slot keys" });
    // An item's slot has its key, and no slot before.
    const withKeys = (...items: readonly number[]) => {
      const deks = new Map(items.map((i) => [i, new Uint8Array(40)]));
      return made(keys([encodeSlotEntry({ ...head.entries[0]!, deks }), entryBytes[1]!]));
    };
    expect((await read(withKeys(0))).entries[0]!.deks.size).toBe(1);
    const ofFirst = keyDamage("a sealed item is not of the first slot that has its key");
    await damaged(withKeys()).toMatchObject(ofFirst);
    await damaged(withKeys(0, 1)).toMatchObject(ofFirst);
    await damaged(made(keyArea, new Uint8Array([...proof, 0]))).toMatchObject({ code: "SEAL_DAMAGED", part: "proofs" });
    await damaged(made(keyArea, proof.slice(1))).toMatchObject({ code: "SEAL_DAMAGED" });
  });
});
