import { beforeAll, describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { newAppParts } from "../../src/engine/app-write.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { keyAreaOf, withHead } from "./forged-head.ts";
import { keysOf, person } from "./people.ts";
import { openAppBytes, sealAppBytes } from "./sealed-app.ts";
import { verdict } from "./verdict.ts";

const hr = person("hr");
const fin = person("fin");
const slots = [
  { name: "hr", recipients: [hr.recipient()], fields: ["a", "b"] },
  { name: "fin", recipients: [fin.recipient()], fields: ["c"] },
];
const ROWS = 40_000;
const CHUNK = 16 * 1024 + 16;
/** Salt and commitment come before the chunks of a message. */
const BEFORE_CHUNKS = 56;

/** An app whose sealed indexes have more than two chunks. */
async function longApp(): Promise<Uint8Array> {
  const column = (step: number) => Array.from({ length: ROWS }, (_, i) => (i * step) % 200);
  const table = memoryTable("T", ["a", "b", "c"], [column(1), column(7), column(3)]);
  const access = memoryTable("Access", ["ACCESS", "USERID"], [["USER"], ["ANN"]]);
  const parts = await newAppParts({
    title: "Long",
    script: "LOAD 1;",
    tables: [await appTable(table)],
    access: [await appTable(access)],
    created: new Date("2026-01-02T03:04:05Z"),
  });
  return writtenBytes(parts);
}

let plain: Uint8Array;
let sealed: Uint8Array;
let head: RegionHead;
const headOf = (bytes: Uint8Array) => readSealedAppHead(memorySource(bytes));
const damaged = async (bytes: Uint8Array, find = keysOf(hr)) =>
  expect(await verdict(bytes, find)).toMatch(/^SEAL_(DAMAGED|WRONG_KEY|BAD_SIGNATURE)/);

beforeAll(async () => {
  plain = await longApp();
  sealed = await sealAppBytes(plain, { slots, sectionAccess: true });
  head = await headOf(sealed);
});

describe("chunks of a sealed column of an app", () => {
  it("swapped, doubled, emptied or from another column are damage, with the place", async () => {
    const start = head.offset + head.headLength;
    const partOf = (name: string) => head.manifest.items.find((item) => item.name === name)!.parts[2]!;
    const [a, b] = [partOf("a"), partOf("b")];
    expect(a.length).toBeGreaterThan(BEFORE_CHUNKS + 2 * CHUNK);
    const at = (part: { readonly offset: number }, k: number) => start + part.offset + BEFORE_CHUNKS + k * CHUNK;
    const moved = (to: number, from: number, back = false) => {
      const copy = sealed.slice();
      copy.copyWithin(to, from, from + CHUNK);
      if (back) copy.set(sealed.subarray(to, to + CHUNK), from);
      return copy;
    };
    for (const bad of [
      moved(at(a, 0), at(a, 1), true),
      moved(at(a, 1), at(a, 0)),
      moved(at(a, 0), at(b, 0)),
      moved(at(a, 0), at(b, 0), true),
      sealed.slice().fill(0, at(a, 1), at(a, 2)),
    ]) {
      await damaged(bad);
      // Who does not verify first meets it when he reads.
      const app = await openAppBytes(bad, keysOf(hr));
      const { tables } = await app.model();
      const reading = (async () => {
        for await (const _ of tables.find(({ name }) => name === "T")!.scan());
      })();
      await expect(reading).rejects.toMatchObject({
        code: "SEAL_DAMAGED",
        part: expect.stringContaining("index"),
        offset: expect.any(Number),
      });
      await app.close();
    }
  });
});

describe("keys of a sealed app, changed by somebody who makes the checksums fit", () => {
  it("with slots, key entries or JWEs of another file or slot in their place are damage", async () => {
    const other = await headOf(await sealAppBytes(plain, { slots, sectionAccess: true }));
    const [a, b] = head.entryBytes as [Uint8Array, Uint8Array];
    // What is put together in the same way, with nothing changed, is whole.
    const same = withHead(sealed, head, (p) => void (p.keys = keyAreaOf([a, b], p.keys.byteLength)));
    expect(await verdict(same, keysOf(hr))).toBe("ok");
    for (const entries of [[b, a], [a, a], [other.entryBytes[0]!, b], [a, other.entryBytes[1]!], other.entryBytes]) {
      await damaged(withHead(sealed, head, (p) => void (p.keys = keyAreaOf(entries, p.keys.byteLength))));
    }
    const entry = unpackMessage(a, "x") as { readonly [name: string]: unknown };
    const { jwe } = unpackMessage(b, "x") as { readonly jwe: string };
    const mixed = packMessage({ ...entry, jwe } as never);
    const swapped = withHead(sealed, head, (p) => void (p.keys = keyAreaOf([mixed, b], p.keys.byteLength)));
    await damaged(swapped, keysOf(hr, fin));
  });

  it("with columns in each other's place in the manifest are damage", async () => {
    const manifest = unpackMessage(head.manifestBytes, "x") as { items: { name: string; parts: unknown[][] }[] };
    expect(Buffer.from(packMessage(manifest as never)).equals(head.manifestBytes)).toBe(true);
    const itemOf = (name: string) => manifest.items.find((item) => item.name === name)!;
    const [a, b] = [itemOf("a"), itemOf("b")];
    [a.parts, b.parts] = [b.parts, a.parts];
    const packed = packMessage(manifest as never);
    expect(packed.byteLength).toBe(head.manifestBytes.byteLength);
    await damaged(withHead(sealed, head, (p) => void (p.manifest = packed)));
  });

  it("with MACs of another file are damage, and a changed key area names no wrong key", async () => {
    const other = await headOf(await sealAppBytes(plain, { slots, sectionAccess: true }));
    await damaged(withHead(sealed, head, (p) => p.proofs.set(other.proofs.macs[0]!, 0)));
    await damaged(withHead(sealed, head, (p) => p.proofs.set(other.proofs.fileMac, p.proofs.byteLength - 32)));
    await damaged(withHead(sealed, head, (p) => p.keys.fill(1, p.keys.byteLength - 1)));
    // A key that is not the file's is told from damage, before and after.
    expect(await verdict(sealed, keysOf(person("x")))).toBe("SEAL_NO_IDENTITY");
  });
});

describe("a signed app", () => {
  const writer = person("writer", "rsa-2048");
  const policy = { signature: { trusted: [writer.certificate] } };

  it("cannot have its signature cut out or changed, even by somebody who makes the checksums fit", async () => {
    const signed = await sealAppBytes(plain, { slots, signer: writer.handle });
    const of = await headOf(signed);
    expect(await verdict(signed, keysOf(hr), policy)).toBe("ok");
    const length = of.proofs.signature.length;
    const without = withHead(signed, of, (p) => {
      const macs = p.proofs.subarray(0, 64);
      p.proofs = concat([macs, new Uint8Array(2), p.proofs.subarray(p.proofs.byteLength - 32)]);
      p.keys = concat([p.keys, new Uint8Array(length)]);
      const view = new DataView(p.prefix.buffer);
      view.setUint32(28, p.keys.byteLength, true);
      view.setUint32(32, p.proofs.byteLength, true);
    });
    expect(without.byteLength).toBe(signed.byteLength);
    await damaged(without);
    await damaged(withHead(signed, of, (p) => void (p.proofs[64 + 2 + length - 1]! ^= 1)));
    const forger = { ...writer.handle, sign: (alg: "PS256") => writer.handle.sign(alg, new Uint8Array(3)) };
    const forged = await sealAppBytes(plain, { slots, signer: forger as never });
    expect(await verdict(forged, keysOf(hr), policy)).toBe("SEAL_BAD_SIGNATURE");
    expect(await verdict(sealed, keysOf(hr), policy)).toBe("SEAL_UNSIGNED");
  });
});

describe("the marks of a sealed app", () => {
  it("are under the MAC: one that is taken out is damage", async () => {
    const mark = Buffer.from('"Seal":"qvault seal/1"');
    const at = Buffer.from(sealed).indexOf(mark);
    expect(at).toBeGreaterThan(0);
    const copy = sealed.slice();
    copy.set(Buffer.from('"Seal":"nothing at all"').subarray(0, mark.length), at);
    await damaged(copy);
  });
});
