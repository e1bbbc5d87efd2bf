import { beforeAll, describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { isQErr } from "../../src/errors.ts";
import { authenticate, type FindKey } from "../../src/seal/authenticate.ts";
import { checkPlainParts, checkSealedItem, checkSealedParts, placeOf } from "../../src/seal/check-parts.ts";
import { messageLength } from "../../src/seal/cobblestone.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { PREFIX_BYTES, type RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import { record } from "../helpers/record.ts";
import { withHead as forgedHead } from "./forged-head.ts";
import { keysOf, person, remembered } from "./people.ts";
import { openBytes, plainQvd, sealBytes } from "./sealed.ts";
import { verdict } from "./verdict.ts";

const hr = person("hr");
const fin = person("fin");
const columns = { id: [1, 2, 3], name: ["Ann", "Bob", null], pay: [10, 20, 30] };

let qvd: Uint8Array;
let sealed: Uint8Array;
let head: RegionHead;
/** One of the two audiences only: it must notice changes in what it cannot open as well. */
const oneSlot = remembered(hr);

beforeAll(async () => {
  qvd = await plainQvd(columns);
  sealed = await twoSlots();
  head = (await readSealedHead(memorySource(sealed))).region;
});

function twoSlots(source = qvd): Promise<Uint8Array> {
  return sealBytes(source, {
    slots: [
      { name: "hr", recipients: [hr.recipient()], fields: ["name"] },
      { name: "fin", recipients: [fin.recipient()], fields: ["pay"] },
    ],
  });
}

const LONG = process.env.QVAULT_LONG !== undefined;

/**
 * Bits of a byte to flip where each costs a whole verification: all of them if there is time. Else one of each byte of
 * header and head, of the zeros behind the keys one of every 32nd byte, and one of every 16th byte of the parts, of
 * which another test flips every bit.
 */
function bitsOf(byte: number): readonly number[] {
  if (LONG) return [0, 1, 2, 3, 4, 5, 6, 7];
  const zeros = keysAt() + usedKeys();
  const step = byte >= head.offset + head.headLength || inPlainPart(byte) ? 16 : isIn(byte, zeros, proofsAt()) ? 32 : 1;
  return byte % step === 0 ? [(byte / step) & 7] : [];
}

const isIn = (byte: number, from: number, to: number) => byte >= from && byte < to;
const keysAt = () => head.offset + PREFIX_BYTES + head.manifestBytes.byteLength;
const proofsAt = () => keysAt() + head.keyArea.byteLength;
/** Bytes of the key area that are not padding. */
const usedKeys = () => 4 + new DataView(head.keyArea.buffer, head.keyArea.byteOffset).getUint32(0, true);
const inPlainPart = (byte: number) => isIn(byte, head.manifest.plain[0]!.length, head.offset);

/** What a file must begin with to be taken for a QVD at all. */
const CONTAINER_MARK = "<?xml";

function flipped(bit: number, bytes = sealed): Uint8Array {
  const copy = bytes.slice();
  copy[bit >>> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** {@link forgedHead} of the sealed file, unless another is given. */
const withHead = (change: Parameters<typeof forgedHead>[2], base = sealed, of = head) => forgedHead(base, of, change);

describe("a sealed file, changed", () => {
  it("is fine before", async () => {
    expect(await verdict(sealed, oneSlot)).toBe("ok");
    expect(await verdict(sealed, remembered(hr, fin))).toBe("ok");
    expect(await verdict(sealed, remembered(person("x")))).toBe("SEAL_NO_IDENTITY");
  });

  it("in any one bit, is damaged, never a wrong key and never whole", { timeout: 900_000 }, async () => {
    const verdicts = new Map<string, number>();
    for (let byte = 0; byte < sealed.byteLength; byte++) {
      const bits = bitsOf(byte);
      for (const bit of bits) {
        const said = await verdict(flipped(byte * 8 + bit), oneSlot);
        verdicts.set(said, (verdicts.get(said) ?? 0) + 1);
        const unknown = byte < CONTAINER_MARK.length && said === "CONTAINER_UNKNOWN";
        if (
          !unknown &&
          !/^(SEAL_DAMAGED|SEAL_TRUNCATED|SEAL_VERSION|SEAL_STRIPPED|QVD_|BYTES_|LIMIT_EXCEEDED)/.test(said)
        ) {
          expect.fail(`bit ${bit} of byte ${byte}: ${said}`);
        }
      }
    }
    console.info("verdicts of single flipped bits:", Object.fromEntries(verdicts));
    const flips = [...verdicts.values()].reduce((sum, n) => sum + n, 0);
    record("flips", "npx vitest run test/seal/tamper.test.ts", { flips, bytes: sealed.byteLength });
  });

  it("in any bit of any part outside header and head, fails the check of just that part as well", {
    timeout: 120_000,
  }, async () => {
    const region = await authenticate(head, oneSlot);
    const copy = sealed.slice();
    const source = memorySource(copy);
    let flips = 0;
    const flipEach = async (from: number, length: number, check: () => Promise<unknown>) => {
      for (let bit = from * 8; bit < (from + length) * 8; bit++) {
        copy[bit >>> 3]! ^= 1 << (bit & 7);
        const code = await check().then(
          () => "ok",
          (error: unknown) => (isQErr(error) ? error.code : "bug"),
        );
        if (code !== "SEAL_DAMAGED") expect.fail(`bit ${bit & 7} of byte ${bit >>> 3}: ${code}`);
        copy[bit >>> 3]! ^= 1 << (bit & 7);
        flips += 1;
      }
    };
    for (const part of head.manifest.plain.slice(1)) {
      const alone = { ...head, manifest: { ...head.manifest, plain: [part] } };
      await flipEach(part.offset, part.length, () => checkPlainParts(source, alone));
    }
    for (const [i, item] of head.manifest.items.entries()) {
      for (const part of item.parts.map((p) => placeOf(head, item, p))) {
        await flipEach(part.offset, part.length, () => checkSealedItem(source, region, i));
      }
    }
    expect(flips).toBe(8 * (sealed.byteLength - head.manifest.plain[0]!.length - head.headLength));
    record("flips-parts", "npx vitest run test/seal/tamper.test.ts", { flips, bytes: sealed.byteLength });
    await checkPlainParts(source, head);
    expect(await checkSealedParts(source, region)).toEqual({ opened: 1, unopened: 1 });
  });

  it("cut at any length, is cut off or damaged, never a wrong key and never whole", { timeout: 60_000 }, async () => {
    for (let length = 0; length < sealed.byteLength; length++) {
      // The zeros behind the keys are cut at every 64th byte, unless there is time for all.
      if (!LONG && isIn(length, keysAt() + usedKeys(), proofsAt()) && length % 64 !== 0) continue;
      const said = await verdict(sealed.subarray(0, length), oneSlot);
      const bodyStarts = head.manifest.plain[0]!.length;
      if (length >= bodyStarts) expect(said, `cut at ${length}`).toBe("SEAL_TRUNCATED");
      else if (length < CONTAINER_MARK.length) expect(said, `cut at ${length}`).toBe("CONTAINER_UNKNOWN");
      else expect(said, `cut at ${length}`).toBe("QVD_HEADER_UNTERMINATED");
    }
  });

  it("with bytes behind its end, is damaged", async () => {
    expect(await verdict(concat([sealed, Uint8Array.of(0)]), oneSlot)).toBe("SEAL_DAMAGED");
  });

  it("without its seal region, says that it was stripped", async () => {
    const text = new TextDecoder("latin1").decode(sealed.subarray(0, head.manifest.plain[0]!.length));
    const offset = head.offset - text.length;
    const header = text
      .replace(/(<Length>\d+<\/Length>)(?![\s\S]*<Length>)/, "$1")
      .replace(/<Offset>\d+<\/Offset>(?=\s*<Length>\d+<\/Length>\s*<Lineage>)/, `<Offset>${offset}</Offset>`);
    const bytes = new Uint8Array(Buffer.from(header, "latin1"));
    const file = concat([
      bytes,
      sealed.subarray(text.length, head.offset),
      sealed.subarray(head.offset + head.regionLength),
    ]);
    expect(await verdict(file, oneSlot)).toBe("SEAL_STRIPPED");
  });

  it("without its mark in the header, is damaged: the header is under the MAC", async () => {
    const at = Buffer.from(sealed).indexOf("qvault seal/1");
    const copy = sealed.slice();
    copy.set(new TextEncoder().encode("harmless text"), at);
    expect(await verdict(copy, oneSlot)).toMatch(/^SEAL_DAMAGED/);
  });

  it("that never was sealed, says so", async () => {
    expect(await verdict(qvd, oneSlot)).toBe("SEAL_ABSENT");
  });
});

describe("a sealed file, changed by somebody who makes the checksums fit", () => {
  const damaged = async (bytes: Uint8Array, find: FindKey = oneSlot) =>
    expect(await verdict(bytes, find)).toMatch(/^SEAL_(DAMAGED|WRONG_KEY|BAD_SIGNATURE)/);

  it("with a MAC of one slot gone, or both, or those of another file", async () => {
    const other = (await readSealedHead(memorySource(await twoSlots()))).region;
    await damaged(withHead((p) => p.proofs.fill(0, 0, 32)));
    await damaged(withHead((p) => p.proofs.fill(0, 32, 64)));
    await damaged(withHead((p) => p.proofs.fill(0)));
    await damaged(withHead((p) => p.proofs.set(other.proofs.macs[0]!, 0)));
    await damaged(withHead((p) => p.proofs.set(other.proofs.fileMac, p.proofs.byteLength - 32)));
  });

  it("with any byte of the manifest another one", async () => {
    for (let i = 0; i < head.manifestBytes.byteLength; i++) {
      const said = await verdict(
        withHead((p) => void (p.manifest[i]! ^= 1)),
        oneSlot,
      );
      expect(said, `manifest byte ${i}`).toMatch(/^(SEAL_(DAMAGED|TRUNCATED|BAD_SIGNATURE)|BYTES_UTF8|LIMIT_EXCEEDED)/);
    }
  });

  it("with any byte of the key area another one, padding and other slots included", async () => {
    for (let i = 0; i < head.keyArea.byteLength; i++) {
      // Unless there is time for all: every third, of the zeros behind the keys every 99th.
      if (!LONG && i % (i < usedKeys() ? 3 : 99) !== 0) continue;
      const said = await verdict(
        withHead((p) => void (p.keys[i]! ^= 1)),
        oneSlot,
      );
      // A thumbprint that is another names another key: that is all that can be said of it without one.
      expect(said, `key area byte ${i}`).toMatch(
        /^(SEAL_(DAMAGED|WRONG_KEY|NO_IDENTITY)|LIMIT_EXCEEDED|KEY_ALG_UNSUPPORTED)/,
      );
    }
  });

  it("with slots, key entries or JWEs of another file or slot in its place", async () => {
    const other = (await readSealedHead(memorySource(await twoSlots()))).region;
    const area = (entries: readonly Uint8Array[], length: number) => {
      const packed = packMessage(entries);
      const all = new Uint8Array(length);
      new DataView(all.buffer).setUint32(0, packed.byteLength, true);
      all.set(packed, 4);
      return all;
    };
    const [a, b] = head.entryBytes as [Uint8Array, Uint8Array];
    for (const entries of [[b, a], [a, a], [other.entryBytes[0]!, b], [a, other.entryBytes[1]!], other.entryBytes]) {
      await damaged(withHead((p) => void (p.keys = area(entries, p.keys.byteLength))));
    }
    // The same entry with the other slot's JWE inside.
    const mixed = {
      ...(unpackMessage(a, "x") as object),
      jwe: (unpackMessage(b, "x") as { jwe: string }).jwe,
    } as never;
    await damaged(
      withHead((p) => void (p.keys = area([packMessage(mixed), b], p.keys.byteLength))),
      remembered(hr, fin),
    );
  });

  it("with the region of another file of the same people and the same content", async () => {
    const other = await twoSlots();
    const otherHead = (await readSealedHead(memorySource(other))).region;
    expect(other.byteLength).toBe(sealed.byteLength);
    const whole = sealed.slice();
    whole.set(other.subarray(head.offset, head.offset + head.headLength), head.offset);
    await damaged(whole);
    const parts = sealed.slice();
    const from = otherHead.offset + otherHead.headLength;
    parts.set(other.subarray(from, otherHead.offset + otherHead.regionLength), from);
    await damaged(parts);
  });

  it("with parts or columns swapped or doubled", async () => {
    const start = head.offset + head.headLength;
    const all = head.manifest.items.flatMap((item) => item.parts);
    for (const [i, a] of all.entries()) {
      for (const [k, b] of all.entries()) {
        if (i === k || a.length !== b.length) continue;
        const doubled = sealed.slice();
        doubled.copyWithin(start + a.offset, start + b.offset, start + b.offset + b.length);
        await damaged(doubled);
        const swapped = doubled.slice();
        swapped.set(sealed.subarray(start + a.offset, start + a.offset + a.length), start + b.offset);
        await damaged(swapped);
        // The same, with the manifest changed to follow: the MAC tells.
        await damaged(withHead((p) => swapNumbers(p, i, k)));
      }
    }
    expect(all.some((a, i) => all.some((b, k) => i !== k && a.length === b.length))).toBe(true);
  });

  function swapNumbers(parts: { manifest: Uint8Array }, i: number, k: number): void {
    const manifest = unpackMessage(parts.manifest, "x") as { items: { parts: unknown[][] }[] };
    const flat = manifest.items.flatMap((item) => item.parts);
    [flat[i]![1], flat[k]![1]] = [flat[k]![1], flat[i]![1]];
    const packed = packMessage(manifest as never);
    if (packed.byteLength === parts.manifest.byteLength) parts.manifest = packed;
  }
});

describe("chunks of a longer sealed part", () => {
  it("swapped, doubled, dropped or from another part are damage, with the place", async () => {
    const rows = 40_000;
    const long = await plainQvd({
      a: Array.from({ length: rows }, (_, i) => i % 200),
      b: Array.from({ length: rows }, (_, i) => (i * 7) % 200),
    });
    const file = await sealBytes(long, { slots: [{ name: "s", recipients: [hr.recipient()], fields: ["a", "b"] }] });
    const region = (await readSealedHead(memorySource(file))).region;
    const [a, b] = [region.manifest.items[0]!.parts[2]!, region.manifest.items[1]!.parts[2]!];
    expect(a.length).toBe(messageLength(rows));
    const start = region.offset + region.headLength;
    const chunk = 16 * 1024 + 16;
    const at = (part: { offset: number }, k: number) => start + part.offset + 56 + k * chunk;
    const moved = (to: number, from: number, back = false) => {
      const copy = file.slice();
      copy.copyWithin(to, from, from + chunk);
      if (back) copy.set(file.subarray(to, to + chunk), from);
      return copy;
    };
    for (const bad of [
      moved(at(a, 0), at(a, 1), true),
      moved(at(a, 1), at(a, 0)),
      moved(at(a, 0), at(b, 0)),
      moved(at(a, 0), at(b, 0), true),
    ]) {
      expect(await verdict(bad, keysOf(hr))).toMatch(/^SEAL_DAMAGED/);
      const table = await openBytes(bad, keysOf(hr));
      await expect(readAll(table)).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
        part: expect.stringContaining("index"),
        offset: expect.any(Number),
      });
      await table.close();
    }
    const last = moved(at(a, 1), at(a, 1));
    last.fill(0, at(a, 2), start + a.offset + a.length);
    expect(await verdict(last, keysOf(hr))).toMatch(/^SEAL_DAMAGED/);
  });

  async function readAll(table: Awaited<ReturnType<typeof openBytes>>): Promise<void> {
    for await (const _ of table.scan());
  }
});

describe("a signed file", () => {
  const signer = person("writer", "p256");
  const rsaSigner = person("rsa writer", "rsa-2048");
  const slots = [{ name: "hr", recipients: [hr.recipient()], fields: ["name"] }];

  it.each([signer, rsaSigner])(
    "is taken from a trusted writer only, and from nobody without a signature",
    async (by) => {
      const signed = await sealBytes(qvd, { slots, signer: by.handle });
      const policy = { signature: { trusted: [by.certificate] } };
      expect(await verdict(signed, keysOf(hr), policy)).toBe("ok");
      expect(await verdict(signed, keysOf(hr), { signature: { trusted: [person("else").certificate] } })).toBe(
        "SEAL_UNSIGNED",
      );
      expect(await verdict(await sealBytes(qvd, { slots }), keysOf(hr), policy)).toBe("SEAL_UNSIGNED");
      const forged = await sealBytes(qvd, {
        slots,
        signer: { ...by.handle, sign: (alg) => by.handle.sign(alg, new Uint8Array(3)) },
      });
      expect(await verdict(forged, keysOf(hr), policy)).toBe("SEAL_BAD_SIGNATURE");
    },
  );

  it("cannot have its signature cut out, even by somebody who makes the checksums fit", async () => {
    const signed = await sealBytes(qvd, { slots, signer: signer.handle });
    const of = (await readSealedHead(memorySource(signed))).region;
    const without = withHead(
      (p) => {
        p.proofs = concat([p.proofs.subarray(0, 32), new Uint8Array(2), p.proofs.subarray(p.proofs.byteLength - 32)]);
        const gone = of.proofs.signature.length;
        p.keys = concat([p.keys, new Uint8Array(gone)]);
        const view = new DataView(p.prefix.buffer);
        view.setUint32(28, p.keys.byteLength, true);
        view.setUint32(32, p.proofs.byteLength, true);
      },
      signed,
      of,
    );
    expect(await verdict(without, keysOf(hr))).toMatch(/^SEAL_DAMAGED/);
    expect(await verdict(signed, keysOf(hr))).toBe("ok");
  });
});
