import { beforeAll, describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { directoryPart } from "../../src/container/qvf/parts.ts";
import { newAppParts } from "../../src/engine/app-write.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import { isQErr } from "../../src/errors.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { checkPlainParts, checkSealedItem } from "../../src/seal/check-parts.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { record } from "../helpers/record.ts";
import { type HeadParts, withHead } from "./forged-head.ts";
import { keysOf, person, remembered } from "./people.ts";
import { sealAppBytes } from "./sealed-app.ts";
import { verdict } from "./verdict.ts";

const hr = person("hr");
const fin = person("fin");
const slots = [
  { name: "hr", recipients: [hr.recipient()], fields: ["name"] },
  { name: "fin", recipients: [fin.recipient()], fields: ["pay"] },
];
const COMMAND = `${process.env.QVAULT_LONG ? "QVAULT_LONG=1 " : ""}npx vitest run test/seal/app-tamper.test.ts`;
const DAMAGE = /^(CONTAINER_UNKNOWN|SEAL_DAMAGED|SEAL_TRUNCATED|SEAL_VERSION|SEAL_STRIPPED|QVF_|BYTES_|LIMIT_EXCEEDED)/;

/** A small app: a table, section access, no more streams than an app must have. */
async function smallApp(): Promise<Uint8Array> {
  const people = memoryTable(
    "People",
    ["id", "name", "pay"],
    [
      [1, 2, 3],
      ["Ann", "Bob", null],
      [10, 20, 30],
    ],
  );
  const access = memoryTable("Access", ["ACCESS", "USERID"], [["USER"], ["ANN"]]);
  const parts = await newAppParts({
    title: "Small",
    script: "LOAD 1;",
    tables: [await appTable(people)],
    access: [await appTable(access)],
    created: new Date("2026-01-02T03:04:05Z"),
  });
  return writtenBytes([...parts, directoryPart("media", 46_000)]);
}

let plain: Uint8Array;
let sealed: Uint8Array;
let head: RegionHead;
/** One of the two audiences only: it must notice changes in what it cannot open as well. */
const oneSlot = remembered(hr);

beforeAll(async () => {
  plain = await smallApp();
  sealed = await sealAppBytes(plain, { slots, sectionAccess: true });
  head = await readSealedAppHead(memorySource(sealed));
});

const withForged = (change: (parts: HeadParts) => void) => withHead(sealed, head, change);

describe("a sealed app, changed", () => {
  it("is fine before", async () => {
    expect(await verdict(sealed, oneSlot)).toBe("ok");
    expect(await verdict(sealed, remembered(hr, fin))).toBe("ok");
    expect(await verdict(sealed, remembered(person("x")))).toBe("SEAL_NO_IDENTITY");
    expect(await verdict(plain, oneSlot)).toBe("SEAL_ABSENT");
  });

  /** Where a reader looks to find the region at all: header, root directory and the inode of the region. */
  const isStructure = (byte: number) =>
    head.manifest.plain.some(
      ({ name, offset, length }) =>
        ["header", "directory /", "inode of qvault_seal"].includes(name) && byte >= offset && byte < offset + length,
    );

  /** Where the root directory's inode, in the second sector, says where its entries lie: elsewhere it names no seal. */
  const ROOT_PLACE = 512 + 0x30;

  it("in any one bit, is damaged, never a wrong key and never whole", { timeout: 3_600_000 }, async () => {
    const verdicts = new Map<string, number>();
    const step = process.env.QVAULT_LONG ? 131 : 2003;
    for (let bit = 0; bit < sealed.byteLength * 8; bit++) {
      const isRootPlace = bit >>> 3 >= ROOT_PLACE && bit >>> 3 < ROOT_PLACE + 8;
      const isTried = bit % step === 0 || isRootPlace || (process.env.QVAULT_LONG && isStructure(bit >>> 3));
      if (!isTried) continue;
      const copy = sealed.slice();
      copy[bit >>> 3]! ^= 1 << (bit & 7);
      const said = await verdict(copy, oneSlot);
      verdicts.set(said, (verdicts.get(said) ?? 0) + 1);
      if (!DAMAGE.test(said)) expect.fail(`bit ${bit & 7} of byte ${bit >>> 3}: ${said}`);
    }
    console.info("verdicts of single flipped bits:", Object.fromEntries(verdicts));
    const flips = [...verdicts.values()].reduce((sum, n) => sum + n, 0);
    record("flips-app-whole", `${COMMAND} -t "any one bit"`, { flips, bytes: sealed.byteLength });
  });

  it("in any bit, fails the check of the part that it is in", { timeout: 3_600_000 }, async () => {
    const region = await authenticate(head, oneSlot);
    const copy = sealed.slice();
    const source = memorySource(copy);
    const long = Boolean(process.env.QVAULT_LONG);
    let checked = 0;
    /** Bits of a range, all of them or one of every `step`-th byte, each by itself with the check of just this range. */
    async function flip(name: string, from: number, to: number, step: number, check: () => Promise<unknown>) {
      for (let byte = from; byte < to; byte += long ? 1 : step) {
        for (const bit of long ? [0, 1, 2, 3, 4, 5, 6, 7] : [byte & 7]) {
          copy[byte]! ^= 1 << bit;
          const code = await check().then(
            () => "ok",
            (error: unknown) => (isQErr(error) ? error.code : "bug"),
          );
          if (!DAMAGE.test(code)) expect.fail(`bit ${bit} of byte ${byte} in ${name}: ${code}`);
          copy[byte]! ^= 1 << bit;
          checked += 1;
        }
      }
    }
    for (const part of head.manifest.plain) {
      const alone = { ...head, manifest: { ...head.manifest, plain: [part] } };
      await flip(part.name, part.offset, part.offset + part.length, 5, () => checkPlainParts(source, alone));
    }
    const start = head.offset + head.headLength;
    await flip("the head", head.offset, start, 97, async () => {
      const found = await readSealedAppHead(source);
      (await authenticate(found, oneSlot)).wipe();
    });
    for (const [number, item] of head.manifest.items.entries()) {
      for (const part of item.parts) {
        const from = start + part.offset;
        await flip(item.name, from, from + part.length, 13, () => checkSealedItem(source, region, number));
      }
    }
    region.wipe();
    if (long) expect(checked).toBe(sealed.byteLength * 8);
    else expect(checked).toBeGreaterThan((sealed.byteLength - head.headLength) / 14);
    record("flips-app", `${COMMAND} -t "any bit"`, { flips: checked, bytes: sealed.byteLength });
  });

  it("cut at any length, is cut off or no app, never a wrong key and never whole", { timeout: 600_000 }, async () => {
    const root = head.manifest.plain.find((part) => part.name === "directory /")!;
    const step = process.env.QVAULT_LONG ? 1 : 23;
    for (let length = 0; length < sealed.byteLength; length += step) {
      const said = await verdict(sealed.subarray(0, length), oneSlot);
      // From its directory on, a file says how long it was.
      if (length >= root.offset + root.length) expect(said, `cut at ${length}`).toBe("SEAL_TRUNCATED");
      else expect(said, `cut at ${length}`).toMatch(/^(QVF_|CONTAINER_UNKNOWN|SEAL_TRUNCATED)/);
    }
  });

  it("with bytes behind its end, or streams in each other's place, is damaged", async () => {
    expect(await verdict(concat([sealed, new Uint8Array(16_384)]), oneSlot)).toBe("SEAL_DAMAGED");
    const { plain: parts } = head.manifest;
    let swaps = 0;
    for (const [i, a] of parts.entries()) {
      for (const b of parts.slice(i + 1)) {
        if (!process.env.QVAULT_LONG && swaps > 12) break;
        if (a.length !== b.length || a.length < 1024) continue;
        const bytes = sealed.slice();
        bytes.set(sealed.subarray(a.offset, a.offset + a.length), b.offset);
        bytes.set(sealed.subarray(b.offset, b.offset + b.length), a.offset);
        expect(await verdict(bytes, oneSlot), `${a.name} and ${b.name}`).toMatch(DAMAGE);
        swaps += 1;
      }
    }
    expect(swaps).toBeGreaterThan(5);
  });

  it("with sealed parts swapped or doubled, or of another file, is damaged", async () => {
    const start = head.offset + head.headLength;
    const all = head.manifest.items.flatMap((item) => item.parts);
    let tried = 0;
    for (const [i, a] of all.entries()) {
      for (const [k, b] of all.entries()) {
        if (i === k || a.length !== b.length) continue;
        const doubled = sealed.slice();
        doubled.copyWithin(start + a.offset, start + b.offset, start + b.offset + b.length);
        expect(await verdict(doubled, oneSlot)).toMatch(/^SEAL_DAMAGED/);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(0);
    const other = await sealAppBytes(plain, { slots, sectionAccess: true });
    const otherHead = await readSealedAppHead(memorySource(other));
    expect([other.byteLength, otherHead.offset]).toEqual([sealed.byteLength, head.offset]);
    const region = sealed.slice();
    region.set(other.subarray(head.offset, head.offset + head.regionLength), head.offset);
    expect(await verdict(region, oneSlot)).toMatch(/^SEAL_DAMAGED/);
    const parts = sealed.slice();
    parts.set(other.subarray(start, head.offset + head.regionLength), start);
    expect(await verdict(parts, oneSlot)).toMatch(/^SEAL_DAMAGED/);
  });
});

describe("a sealed app, changed by somebody who makes the checksums fit", () => {
  const damaged = async (bytes: Uint8Array) =>
    expect(await verdict(bytes, oneSlot)).toMatch(/^SEAL_(DAMAGED|WRONG_KEY|BAD_SIGNATURE)/);

  it("with MACs gone, or slots in each other's place", async () => {
    await damaged(withForged((p) => p.proofs.fill(0, 0, 32)));
    await damaged(withForged((p) => p.proofs.fill(0, 32, 64)));
    await damaged(withForged((p) => p.proofs.fill(0)));
    await damaged(withForged((p) => p.proofs.copyWithin(0, 32, 64)));
  });

  it("with any byte of the manifest or of the keys another one", async () => {
    const step = process.env.QVAULT_LONG ? 1 : 41;
    for (let i = 0; i < head.manifestBytes.byteLength; i += step) {
      const said = await verdict(
        withForged((p) => void (p.manifest[i]! ^= 1)),
        oneSlot,
      );
      expect(said, `manifest byte ${i}`).toMatch(/^(SEAL_(DAMAGED|TRUNCATED|BAD_SIGNATURE)|BYTES_UTF8|LIMIT_EXCEEDED)/);
    }
    for (let i = 0; i < head.keyArea.byteLength; i += step) {
      const said = await verdict(
        withForged((p) => void (p.keys[i]! ^= 1)),
        oneSlot,
      );
      expect(said, `key area byte ${i}`).toMatch(
        /^(SEAL_(DAMAGED|WRONG_KEY|NO_IDENTITY)|LIMIT_EXCEEDED|KEY_ALG_UNSUPPORTED)/,
      );
    }
  });

  it("is refused without the signature that is asked for, and with that of somebody else", async () => {
    const writer = person("writer");
    const signed = await sealAppBytes(plain, { slots, sectionAccess: true, signer: writer.handle });
    const policy = { signature: { trusted: [writer.certificate] } };
    expect(await verdict(signed, keysOf(hr), policy)).toBe("ok");
    expect(await verdict(sealed, keysOf(hr), policy)).toBe("SEAL_UNSIGNED");
    const others = { signature: { trusted: [person("else").certificate] } };
    expect(await verdict(signed, keysOf(hr), others)).toBe("SEAL_UNSIGNED");
  });
});
