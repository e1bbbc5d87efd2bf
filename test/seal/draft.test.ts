import { describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { MAX_SEALED_ITEMS, MAX_SLOTS } from "../../src/limits.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { checkSealedParts, contextOf, placeOf } from "../../src/seal/check-parts.ts";
import { messageLength, openMessage } from "../../src/seal/cobblestone.ts";
import { draftSeal, type PlainSpec, partNumber, type SealSpec } from "../../src/seal/draft.ts";
import { slotMac } from "../../src/seal/macs.ts";
import { packMessage } from "../../src/seal/msgpack.ts";
import { type RegionHead, readRegionHead } from "../../src/seal/region.ts";
import { macLeaves } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { saidLater } from "../helpers/errors.ts";
import { keysOf, person } from "./people.ts";

const ann = person("ann");
const writer = person("writer");
const usage = { code: "USAGE" };

function spec(slots: number, items: number, parts: readonly number[], more: Partial<SealSpec> = {}): SealSpec {
  return {
    container: "qvd",
    mode: "open",
    writer: "test",
    slots: Array.from({ length: slots }, (_, i) => ({ name: `s${i}`, recipients: [ann.recipient()] })),
    items: Array.from({ length: items }, (_, i) => ({
      ordinal: i,
      name: `f${i}`,
      mask: "null",
      slots: [0],
      parts: parts.map((length) => ({ kind: "meta", length })),
    })),
    ...more,
  };
}

const NO_PLAIN: readonly PlainSpec[] = [];

/** The head of a region that is made from `made`, with `plain` beside it. */
async function headOf(made: SealSpec, plain = NO_PLAIN, wiped = false): Promise<RegionHead> {
  const draft = await draftSeal(made);
  const length = draft.regionLength(plain);
  const planned = draft.headLength();
  if (wiped) draft.wipe();
  const head = await draft.finish(
    plain,
    plain.map(() => new Uint8Array(32)),
  );
  expect(head.byteLength, "as long as it was planned").toBe(planned);
  return readRegionHead(memorySource(concat([head, new Uint8Array(length - planned)])), 0, length);
}

describe("the draft of a seal", () => {
  it("is of some slots and items, and of no more than there may be", async () => {
    const made = (slots: number, items: number) =>
      saidLater(async () => (await draftSeal(spec(slots, items, []))).headLength());
    for (const [slots, items] of [
      [0, 1],
      [MAX_SLOTS + 1, 1],
      [1, 0],
      [1, MAX_SEALED_ITEMS + 1],
    ] as const) {
      expect(await made(slots, items), `${slots}, ${items}`).toMatchObject(usage);
    }
    expect(await made(1, 1)).toBeGreaterThan(0);
    expect(await made(MAX_SLOTS, MAX_SEALED_ITEMS)).toBeGreaterThan(0);
  });

  it("fills whole steps, and leaves room for as many keys again and 4 KiB", async () => {
    const plain = Array.from(
      { length: 300 },
      (_, i): PlainSpec => ({ name: `p${i}`, role: "member", offset: i, length: 1 }),
    );
    for (const [made, beside] of [
      [spec(1, 1, [5]), NO_PLAIN],
      [spec(3, 200, [5, 5, 5]), NO_PLAIN],
      [spec(1, 200, [5, 5, 5], { signer: writer.handle }), NO_PLAIN],
      [spec(2, 1, []), plain],
    ] as const) {
      const head = await headOf(made, beside);
      expect(head.headLength % 8192).toBe(0);
      const spare = head.keyArea.byteLength - 4 - 2 * packMessage(head.entryBytes).byteLength - 4096;
      expect(spare).toBeGreaterThan(0);
      expect(spare).toBeLessThanOrEqual(8192);
    }
  });

  it("has parts one behind the other, each under the key of its item, and opens as it was sealed", async () => {
    const parts = [10, 0, 40_000];
    const draft = await draftSeal(spec(1, 2, parts));
    const length = draft.regionLength(NO_PLAIN);
    const file = new Uint8Array(length);
    const offsets = [0, 1].map((item) => parts.map((_, part) => draft.partOffset(item, part)));
    const sizes = parts.map(messageLength);
    expect(offsets).toEqual([
      [0, sizes[0], sizes[0]! + sizes[1]!],
      [0, sizes[0], sizes[0]! + sizes[1]!].map((at) => at! + sizes[0]! + sizes[1]! + sizes[2]!),
    ]);
    for (const [item, part] of [0, 1].flatMap((i) => [0, 1, 2].map((k) => [i, k] as const))) {
      let at = draft.headLength() + draft.partOffset(item, part);
      const sealer = draft.seal(item, part, async (sealed) => {
        file.set(sealed, at);
        at += sealed.byteLength;
      });
      await sealer.push(new Uint8Array(parts[part]!).fill(item + 1));
      await sealer.end();
    }
    file.set(await draft.finish(NO_PLAIN, []));
    const source = memorySource(file);
    const region = await authenticate(await readRegionHead(source, 0, length), keysOf(ann));
    expect(await checkSealedParts(source, region)).toEqual({ opened: 2, unopened: 0 });
    // The nonces of the MACs go by the number of the part in the file.
    const { head } = region;
    for (const [n, [item, k]] of [0, 1].flatMap((i) => [0, 1, 2].map((part) => [i, part] as const)).entries()) {
      const part = head.manifest.items[item]!.parts[k]!;
      const digest = macLeaves(region.leafKey, n);
      const { offset } = placeOf(head, head.manifest.items[item]!, part);
      digest.push(file.subarray(offset, offset + part.length));
      expect(digest.end()).toEqual(part.macs);
    }
  });

  it("refuses more bytes of a part than were announced before any is written, and fewer at the end", async () => {
    for (const [given, most] of [
      [11, 0],
      [9, messageLength(9)],
      [100_000, 0],
    ] as const) {
      const draft = await draftSeal(spec(1, 1, [10]));
      draft.regionLength(NO_PLAIN);
      let written = 0;
      const seal = async () => {
        const sealer = draft.seal(0, 0, async (sealed) => void (written += sealed.byteLength));
        await sealer.push(new Uint8Array(given));
        await sealer.end();
      };
      expect(await saidLater(seal), `${given}`).toMatchObject(usage);
      expect(written).toBeLessThanOrEqual(Math.max(most, messageLength(10)));
    }
  });

  it("refuses a signature of another length than its key gives", async () => {
    const short = { ...writer.handle, sign: async () => new Uint8Array(10) };
    expect(await saidLater(() => headOf(spec(1, 1, [5], { signer: short })))).toMatchObject(usage);
    expect((await headOf(spec(1, 1, [5], { signer: writer.handle }))).manifest.signer).toHaveLength(32);
  });

  it("overwrites its keys when it is wiped", async () => {
    const head = await headOf(spec(1, 1, [5]), NO_PLAIN, true);
    const zero = slotMac(new Uint8Array(32), head.prefix, head.manifestBytes, head.entryBytes[0]!);
    expect(head.proofs.macs).toEqual([zero]);
    const draft = await draftSeal(spec(1, 1, [3]));
    const length = draft.regionLength(NO_PLAIN);
    draft.wipe();
    const pieces: Uint8Array[] = [];
    const sealer = draft.seal(0, 0, async (sealed) => void pieces.push(sealed.slice()));
    await sealer.push(Uint8Array.of(1, 2, 3));
    await sealer.end();
    const file = concat([await draft.finish(NO_PLAIN, []), ...pieces]);
    const late = await readRegionHead(memorySource(file), 0, length);
    const item = late.manifest.items[0]!;
    const nothing = new Uint8Array(32);
    expect(openMessage(nothing, contextOf(late, item, item.parts[0]!), concat(pieces))).toEqual(Uint8Array.of(1, 2, 3));
    const digest = macLeaves(nothing, 0);
    digest.push(concat(pieces));
    expect(item.parts[0]!.macs).toEqual(digest.end());
    const kept = await headOf(spec(1, 1, [5]));
    const other = slotMac(new Uint8Array(32), kept.prefix, kept.manifestBytes, kept.entryBytes[0]!);
    expect(kept.proofs.macs).not.toEqual([other]);
  });
});

describe("the number of a sealed part", () => {
  it("counts through all items before it", () => {
    const items = [3, 2, 1].map((count) => ({
      parts: Array.from({ length: count }, () => ({ kind: "meta", length: 1 })),
    }));
    const number = (item: number, part: number) => partNumber({ items } as never, item, part);
    expect([number(0, 0), number(0, 2), number(1, 0), number(1, 1), number(2, 0)]).toEqual([0, 2, 3, 4, 5]);
  });
});
