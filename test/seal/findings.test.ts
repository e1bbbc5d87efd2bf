import { beforeAll, describe, expect, it } from "vitest";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { sealFindings } from "../../src/engine/seal-findings.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { QErr } from "../../src/errors.ts";
import { MAX_DAMAGE_FINDINGS } from "../../src/limits.ts";
import { placeOf } from "../../src/seal/check-parts.ts";
import { CHUNK_BYTES, MESSAGE_HEADER_BYTES, SEALED_CHUNK_BYTES } from "../../src/seal/cobblestone.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { LEAF_BYTES } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { keysOf, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const damage = (part: string, offset: number, length: number) =>
  new QErr("SEAL_DAMAGED", `${part} is wrong`, { part, offset, length });

describe("what a check of a sealed file finds", () => {
  it("is one finding for pieces that follow each other in a part", () => {
    const findings = sealFindings();
    for (const error of [damage("a", 10, 5), damage("a", 15, 5), damage("a", 21, 5), damage("b", 26, 5)])
      findings.add(error);
    findings.add(new QErr("SEAL_TRUNCATED", "its end is missing", { part: "b", offset: 31, length: 1 }));
    findings.add(new QErr("SEAL_DAMAGED", "all of it"));
    const level = "damage";
    const none = { offset: undefined, length: undefined };
    expect(findings.list).toEqual([
      {
        level,
        code: "SEAL_DAMAGED",
        part: "a",
        message: "10 bytes of a are not what was sealed",
        offset: 10,
        length: 10,
      },
      { level, code: "SEAL_DAMAGED", part: "a", message: "a is wrong", offset: 21, length: 5 },
      { level, code: "SEAL_DAMAGED", part: "b", message: "b is wrong", offset: 26, length: 5 },
      { level, code: "SEAL_TRUNCATED", part: "b", message: "its end is missing", offset: 31, length: 1 },
      { level, code: "SEAL_DAMAGED", part: "file", message: "all of it", ...none },
    ]);
    expect([findings.seen, findings.left]).toEqual([6, 0]);
  });

  it("is told once, by the check that came first", () => {
    const findings = sealFindings();
    for (const error of [
      damage("a", 10, 5),
      damage("a", 0, 100),
      damage("a", 14, 1),
      damage("b", 0, 100),
      damage("a", 15, 1),
    ])
      findings.add(error);
    expect(findings.list.map(({ part, offset, length }) => [part, offset, length])).toEqual([
      ["a", 10, 5],
      ["b", 0, 100],
      ["a", 15, 1],
    ]);
    expect(findings.seen).toBe(5);
  });

  it("is kept to the limit, and counted beyond it", () => {
    const findings = sealFindings();
    for (let i = 0; i < MAX_DAMAGE_FINDINGS; i++) findings.add(damage("a", 2 * i, 1));
    expect([findings.list.length, findings.left]).toEqual([MAX_DAMAGE_FINDINGS, 0]);
    findings.add(damage("a", 2 * MAX_DAMAGE_FINDINGS, 1));
    findings.add(damage("b", 0, 1));
    expect([findings.list.length, findings.left, findings.seen]).toEqual([
      MAX_DAMAGE_FINDINGS,
      2,
      MAX_DAMAGE_FINDINGS + 2,
    ]);
  });
});

describe("a sealed file that is damaged in many places", () => {
  const hr = person("hr");
  const fin = person("fin");
  const writer = person("writer");
  const ROWS = 60_000;
  let sealed: Uint8Array;
  let signed: Uint8Array;
  let head: RegionHead;
  const headOf = async (bytes: Uint8Array) => (await readSealedHead(memorySource(bytes))).region;

  beforeAll(async () => {
    const column = (step: number) => Array.from({ length: ROWS }, (_, i) => `value ${(i * step) % 1000}`);
    const qvd = await plainQvd({ plain: column(1), mine: column(7), other: column(3) });
    const slots = [
      { name: "hr", recipients: [hr.recipient()], fields: ["mine"] },
      { name: "fin", recipients: [fin.recipient()], fields: ["other"] },
    ];
    sealed = await sealBytes(qvd, { slots });
    signed = await sealBytes(qvd, { slots, signer: writer.handle });
    head = await headOf(sealed);
  });

  const partOf = (of: RegionHead, name: string, kind: string) => {
    const item = of.manifest.items.find((each) => each.name === name)!;
    return placeOf(of, item, item.parts.find((part) => part.kind === kind)!);
  };
  const flippedAt = (bytes: Uint8Array, ...places: readonly number[]) => {
    const copy = bytes.slice();
    for (const at of places) copy[at]! ^= 1;
    return copy;
  };
  const chunk = (place: { readonly offset: number }, k: number) =>
    place.offset + MESSAGE_HEADER_BYTES + k * SEALED_CHUNK_BYTES;

  it("has all of them named in one run: chunks of what opens, the rest by MiB", async () => {
    const index = partOf(head, "mine", "index");
    const symbols = partOf(head, "mine", "symbols");
    const others = partOf(head, "other", "index");
    const records = head.manifest.plain.find(({ role }) => role === "records")!;
    expect(index.length).toBeGreaterThan(MESSAGE_HEADER_BYTES + 6 * SEALED_CHUNK_BYTES);
    const bad = flippedAt(
      sealed,
      records.offset + 5,
      symbols.offset + 3,
      chunk(index, 1) + 9,
      chunk(index, 2),
      chunk(index, 4) + 16_000,
      others.offset + 77,
    );
    const { findings, checked, notProved } = await verifySealed(memorySource(bad), keysOf(hr));
    expect(findings.map(({ part, offset, length }) => [part, offset, length])).toEqual([
      [records.name, records.offset, records.length],
      [symbols.name, symbols.offset, MESSAGE_HEADER_BYTES],
      [index.name, chunk(index, 1), 2 * SEALED_CHUNK_BYTES],
      [index.name, chunk(index, 4), SEALED_CHUNK_BYTES],
      [others.name, others.offset, others.length],
    ]);
    expect(findings.every(({ code, level }) => code === "SEAL_DAMAGED" && level === "damage")).toBe(true);
    expect(others.length).toBeLessThan(LEAF_BYTES);
    expect(checked).toEqual([
      "the seal region is whole, and all parts together fill the file",
      "manifest, keys and MACs are genuine",
    ]);
    expect(notProved.join()).toContain("1 sealed items of other slots");
    const none = await verifySealed(memorySource(sealed), keysOf(hr));
    expect([none.findings, none.checked.length]).toEqual([[], 5]);
  });

  it("has each of them named once where it is signed, and none called checked that was not", async () => {
    const of = await headOf(signed);
    const index = partOf(of, "mine", "index");
    const bad = flippedAt(signed, chunk(index, 3));
    const withKey = await verifySealed(memorySource(bad), keysOf(hr));
    expect(withKey.findings.map(({ offset, length }) => [offset, length])).toEqual([
      [chunk(index, 3), SEALED_CHUNK_BYTES],
    ]);
    expect(withKey.checked).toEqual([
      "the seal region is whole, and all parts together fill the file",
      "plain parts have the digests that the manifest gives them",
      "manifest, keys and MACs are genuine",
    ]);
    const without = await verifySealed(memorySource(bad));
    expect(without.findings.map(({ offset, length }) => [offset, length])).toEqual([[index.offset, index.length]]);
  });

  it("counts those that it does not name", async () => {
    const chunks = 2 * (MAX_DAMAGE_FINDINGS + 3);
    const qvd = await plainQvd({ long: ["x".repeat(chunks * CHUNK_BYTES)] });
    const file = await sealBytes(qvd, { slots: [{ name: "hr", recipients: [hr.recipient()], fields: ["long"] }] });
    const symbols = partOf(await headOf(file), "long", "symbols");
    const everyOther = Array.from({ length: chunks / 2 }, (_, i) => chunk(symbols, 2 * i));
    const { findings, notProved } = await verifySealed(memorySource(flippedAt(file, ...everyOther)), keysOf(hr));
    expect(findings).toHaveLength(MAX_DAMAGE_FINDINGS);
    expect(notProved.at(-1)).toBe("what else is damaged: 3 more pieces are, and are not named");
  });
});
