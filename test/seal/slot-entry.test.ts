import { beforeAll, describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { MAX_SEALED_ITEMS } from "../../src/limits.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { type Packed, packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { decodeSlotEntry, encodeSlotEntry, type SlotEntry } from "../../src/seal/slot-entry.ts";
import { keyAreaOf, withHead } from "./forged-head.ts";
import { keysOf, person } from "./people.ts";
import { headOf, hr, twoSlots } from "./two-slots.ts";

const other = person("other");
let head: RegionHead;
let strange: RegionHead;
let entry: SlotEntry;

beforeAll(async () => {
  head = await headOf(await twoSlots(undefined, [other]));
  strange = await headOf(await twoSlots(undefined, [other]));
  entry = head.entries[0]!;
});

/** What comes of an entry whose packed members were changed. */
function decoded(change: Readonly<Record<string, Packed>>, slot = 0, fileId = head.manifest.fileId, items = 4) {
  const packed = { ...(unpackMessage(encodeSlotEntry(entry), "slot keys") as object), ...change };
  try {
    return decodeSlotEntry(packMessage(packed), slot, fileId, items);
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, message: error.message };
  }
}
const elsewhere = {
  code: "SEAL_DAMAGED",
  part: "slot keys",
  message: "a slot's keys belong to another file or slot",
};

describe("a slot's entry", () => {
  it("comes back as it was", () => {
    expect(decoded({})).toEqual(entry);
    const deks = new Map([
      [3, new Uint8Array(40).fill(1)],
      [0, new Uint8Array(40).fill(2)],
    ]);
    expect(decodeSlotEntry(encodeSlotEntry({ ...entry, deks }), 0, head.manifest.fileId, 4)).toEqual({
      ...entry,
      deks,
    });
    expect(entry.recipients.map((r) => r.label)).toEqual([hr, other].map((p) => p.handle.info.label));
  });

  it("belongs to one slot of one file: by its own number, by its JWE's number and by its JWE's file", () => {
    const jweOf = (from: SlotEntry) => JSON.stringify(from.jwe);
    const second = head.entries[1]!;
    expect(decoded({ slot: 1 })).toEqual(elsewhere);
    expect(decoded({}, 1)).toEqual(elsewhere);
    // The number fits, but the JWE is of the other slot.
    expect(decoded({ slot: 1 }, 1)).toEqual(elsewhere);
    const to = second.recipients.map((r) => [r.label, r.spki]);
    expect(decoded({ jwe: jweOf(second), to })).toEqual(elsewhere);
    expect(decoded({ jwe: jweOf(second), to, slot: 1 }, 1)).toMatchObject({ slot: 1 });
    expect(decoded({}, 0, strange.manifest.fileId)).toEqual(elsewhere);
    expect(decoded({ jwe: jweOf(strange.entries[0]!) })).toEqual(elsewhere);
  });

  it("has the public key of each recipient, and that which the recipient names", () => {
    const [first, second] = entry.recipients.map((r) => [r.label, r.spki]) as [Packed[], Packed[]];
    const said = (message: string) => ({ code: "SEAL_DAMAGED", part: "slot keys", message });
    const incomplete = said("a slot's recipients are not complete");
    expect(decoded({ to: [first] })).toEqual(incomplete);
    expect(decoded({ to: [first, second, second] })).toEqual(incomplete);
    expect(decoded({ to: [second, first] })).toEqual(said("a recipient's public key is not the one it names"));
    expect(decoded({ to: [first, [second[0]!, new Uint8Array(91)]] })).toMatchObject({ code: "SEAL_DAMAGED" });
  });

  it("holds as many keys as a file may have items, of 40 bytes each", () => {
    const keys = (count: number) => Array.from({ length: count }, (_, i) => [i, new Uint8Array(40)]);
    const most = decoded({ deks: keys(MAX_SEALED_ITEMS) }, 0, undefined, MAX_SEALED_ITEMS);
    expect("deks" in most && most.deks.size).toBe(MAX_SEALED_ITEMS);
    expect(decoded({ deks: keys(MAX_SEALED_ITEMS + 1) })).toEqual({
      code: "LIMIT_EXCEEDED",
      part: "slot keys",
      message: "a slot has too many keys",
    });
    for (const bytes of [39, 41]) {
      expect(decoded({ deks: [[0, new Uint8Array(bytes)]] })).toMatchObject({ code: "SEAL_DAMAGED" });
      expect(decoded({ common: new Uint8Array(bytes) })).toMatchObject({ code: "SEAL_DAMAGED" });
    }
  });

  it("has one key an item, of items that the manifest lists", () => {
    const key = new Uint8Array(40);
    const deks = (...items: readonly number[]) => decoded({ deks: items.map((i) => [i, key]) }, 0, undefined, 3);
    expect(deks(2, 0)).toMatchObject({ deks: new Map([2, 0].map((i) => [i, key])) });
    expect(deks(3)).toMatchObject({ code: "SEAL_DAMAGED" });
    expect(deks(2, 0, 2)).toEqual({
      code: "SEAL_DAMAGED",
      part: "slot keys",
      message: "a slot has two keys of one item",
    });
  });

  it("has the keys of the items that name its slot, and no slot before has them", async () => {
    const file = await twoSlots();
    const of = await headOf(file);
    const forged = (...deks: readonly (readonly number[])[]) =>
      headOf(
        withHead(file, of, (parts) => {
          const entries = of.entries.map((e, i) =>
            encodeSlotEntry({ ...e, deks: new Map(deks[i]!.map((n) => [n, new Uint8Array(40)])) }),
          );
          parts.keys = keyAreaOf(entries, parts.keys.byteLength);
        }),
      );
    expect(of.manifest.items.map((i) => i.slot)).toEqual([0, 1]);
    expect((await forged([0], [1, 0])).entries[1]!.deks.size).toBe(2);
    const refused = { code: "SEAL_DAMAGED", part: "slot keys" };
    await expect(forged([0], [])).rejects.toMatchObject(refused);
    await expect(forged([0, 1], [1])).rejects.toMatchObject(refused);
    await expect(forged([], [0, 1])).rejects.toMatchObject(refused);
  });

  it("whose keys were changed by somebody without its key is damage, whichever of them it was", async () => {
    const file = await twoSlots(undefined, [other]);
    const of = await headOf(file);
    const dek = [...of.entries[0]!.deks.keys()][0]!;
    const changes: readonly Readonly<Record<string, Packed>>[] = [
      { common: new Uint8Array(40) },
      { deks: [[dek, new Uint8Array(40)]] },
    ];
    for (const change of changes) {
      const packed = { ...(unpackMessage(of.entryBytes[0]!, "slot keys") as object), ...change };
      const forged = withHead(file, of, (parts) => {
        parts.keys = keyAreaOf([packMessage(packed), ...of.entryBytes.slice(1)], parts.keys.byteLength);
      });
      await expect(authenticate(await headOf(forged), keysOf(hr))).rejects.toMatchObject({ code: "SEAL_DAMAGED" });
    }
  });

  it("counts its changes to 2^32 - 1", () => {
    expect(decoded({ epoch: 2 ** 32 - 1 })).toMatchObject({ epoch: 2 ** 32 - 1 });
    expect(decoded({ epoch: 2 ** 32 })).toMatchObject({ code: "SEAL_DAMAGED" });
  });
});
