import { describe, expect, it } from "vitest";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import { leakFindings } from "../../src/engine/seal-lint.ts";
import { kdfWork, pkcs12Kdf, spend } from "../../src/keys/pbe.ts";
import {
  MAX_KDF_ITERATIONS,
  MAX_KEY_FILE_ITERATIONS,
  MAX_KEYS_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_MSGPACK_DEPTH,
  MAX_MSGPACK_VALUES,
  MAX_PROOF_BYTES,
  MAX_SEALED_ITEMS,
  MAX_SEALED_PART_BYTES,
  MAX_SLOTS,
} from "../../src/limits.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { messageLength } from "../../src/seal/cobblestone.ts";
import { draftSeal, type SealSpec } from "../../src/seal/draft.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/seal/manifest.ts";
import { checkMessage, packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { encodePrefix, readRegionHead } from "../../src/seal/region.ts";
import { hashLeaves, LEAF_BYTES, leafCount, macLeaves, treeRoot } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { findTestKey } from "../fuzz/keys.ts";
import { sameRecipients } from "../malformed/hostile-files.ts";
import { person } from "./people.ts";
import { plainQvd } from "./sealed.ts";
import { toHex } from "./vectors.ts";

const over = expect.objectContaining({ code: "LIMIT_EXCEEDED" });
const damaged = expect.objectContaining({ code: "SEAL_DAMAGED" });

const manifest: Manifest = {
  fileId: new Uint8Array(16),
  container: "qvd",
  mode: "open",
  createdAt: "2026-01-01T00:00:00.000Z",
  writer: "test",
  slots: ["a"],
  signer: undefined,
  items: [],
  plain: [],
};
const part = {
  kind: "meta",
  offset: 0,
  length: messageLength(1),
  macs: new Uint8Array(16),
  leaves: undefined,
} as const;
const item = { ordinal: 0, name: "f", slot: 0, mask: "null", parts: [] } as const;

describe("a manifest", () => {
  const decode = (change: Partial<Manifest>) => () => decodeManifest(encodeManifest({ ...manifest, ...change }));

  it("names slots as a writer may, since recovery makes file names and shell words of them", () => {
    for (const name of ["a", "A-1_b.c", "x".repeat(64)]) expect(decode({ slots: [name] })().slots).toEqual([name]);
    for (const name of ["", "x".repeat(65), "a b", 'a";id;"', "$(id)", "../a", "a\n", "ä", "a'"]) {
      expect(decode({ slots: [name] }), JSON.stringify(name)).toThrow(damaged);
    }
  });

  it("has at most 64 slots and 4096 items", () => {
    const slots = (n: number) => Array.from({ length: n }, (_, i) => `s${i}`);
    expect(decode({ slots: slots(MAX_SLOTS) })().slots).toHaveLength(MAX_SLOTS);
    expect(decode({ slots: slots(MAX_SLOTS + 1) })).toThrow(over);
    const items = (count: number) =>
      decode({ items: Array.from({ length: count }, (_, ordinal) => ({ ...item, ordinal })) });
    expect(items(MAX_SEALED_ITEMS)().items).toHaveLength(MAX_SEALED_ITEMS);
    expect(items(MAX_SEALED_ITEMS + 1)).toThrow(over);
  });

  it("has parts of at most 1 TiB, and only lengths that a message can have", () => {
    const big = messageLength(MAX_SEALED_PART_BYTES);
    const sized = (length: number) =>
      decode({ items: [{ ...item, parts: [{ ...part, length, macs: new Uint8Array(16 * leafCount(length)) }] }] });
    expect(sized(messageLength(5))().items[0]!.parts[0]!.length).toBe(messageLength(5));
    expect(sized(big)().items[0]!.parts[0]!.length).toBe(big);
    expect(sized(big + 1)).toThrow(damaged);
    expect(sized(60)).toThrow(expect.objectContaining({ code: "SEAL_TRUNCATED" }));
  });

  it("has values of the right kinds only, and roots that fit their leaves", () => {
    const map = unpackMessage(encodeManifest(manifest), "x") as Record<string, never>;
    for (const [key, value] of Object.entries({
      id: new Uint8Array(15),
      container: "zip",
      mode: "half",
      at: 5,
      slots: "a",
      signer: new Uint8Array(3),
      items: 1,
      plain: [1],
    })) {
      expect(() => decodeManifest(packMessage({ ...map, [key]: value } as never)), key).toThrow(damaged);
    }
    for (const slots of [[], ["a", "a"]]) expect(decode({ slots })).toThrow(damaged);
    expect(decode({ items: [{ ...item, slot: 1 }] })).toThrow(damaged);
    const plain = { name: "header", role: "header", offset: 0, length: 1, leaves: new Uint8Array(32) } as const;
    expect(decode({ plain: [{ ...plain, root: new Uint8Array(32) }] })().plain).toHaveLength(1);
    expect(decode({ plain: [{ ...plain, root: new Uint8Array(32).fill(1) }] })).toThrow(damaged);
  });
});

describe("MessagePack from a file", () => {
  const nested = (depth: number) =>
    Array.from({ length: depth }).reduce<never>((inner) => [inner] as never, 1 as never);

  it("is nested at most 8 deep and has a bounded number of values", () => {
    expect(() => checkMessage(packMessage(nested(MAX_MSGPACK_DEPTH)), "x")).not.toThrow();
    expect(() => checkMessage(packMessage(nested(MAX_MSGPACK_DEPTH + 1)), "x")).toThrow(over);
    const ten = packMessage(Array.from({ length: 9 }, () => 1));
    expect(() => checkMessage(ten, "x", 10)).not.toThrow();
    expect(() => checkMessage(ten, "x", 9)).toThrow(over);
    const ones = (count: number) => packMessage(new Array(count).fill(1));
    expect(() => checkMessage(ones(MAX_MSGPACK_VALUES - 1), "x")).not.toThrow();
    expect(() => checkMessage(ones(MAX_MSGPACK_VALUES), "x")).toThrow(over);
  });

  it.each([
    ["a claim of 4 billion values", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a claim of 4 billion pairs", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["a string longer than the message", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["bytes longer than the message", [0xc6, 0x7f, 0xff, 0xff, 0xff]],
    ["an extension", [0xd4, 0x01, 0x00]],
    ["a record of msgpackr", [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]],
    ["a float", [0xca, 0, 0, 0, 0]],
    ["a fraction", [0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]],
    ["a 64-bit integer", [0xcf, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["a key twice", [0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2]],
    ["a key that is no string", [0x81, 1, 1]],
    ["__proto__", [0x81, 0xa9, ...Buffer.from("__proto__"), 0x80]],
    ["bytes behind it", [1, 1]],
    ["nothing", []],
  ])("is refused with %s", (_, bytes) => {
    expect(() => checkMessage(Uint8Array.from(bytes), "x")).toThrow(damaged);
  });
});

describe("a region's head", () => {
  const read = (manifestLength: number, keyAreaLength: number, proofLength = 66, regionLength = 2 ** 40) => {
    const prefix = encodePrefix({ regionLength, manifestLength, keyAreaLength, proofLength });
    const source = memorySource(prefix);
    return readRegionHead({ ...source, size: 2 ** 41 }, 0, regionLength);
  };
  it("has a manifest of at most 64 MiB, a key area of at most 32 MiB and proofs of at most 128 KiB, refused before they are read", async () => {
    await expect(read(MAX_MANIFEST_BYTES + 1, 10)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await expect(read(10, MAX_KEYS_BYTES + 1)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await expect(read(10, 10, MAX_PROOF_BYTES + 1)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    // At the limit the next thing that happens is reading, which this source has nothing for.
    await expect(read(MAX_MANIFEST_BYTES, MAX_KEYS_BYTES, MAX_PROOF_BYTES)).rejects.toMatchObject({
      code: "SOURCE_RANGE",
    });
  });
});

describe("a version or suite that is not known", () => {
  it.each([8, 12])("is SEAL_VERSION, not damage (byte %i)", async (at) => {
    const prefix = encodePrefix({ regionLength: 1000, manifestLength: 10, keyAreaLength: 10, proofLength: 66 }).slice();
    prefix[at] = 2;
    await expect(readRegionHead(memorySource(prefix), 0, 1000)).rejects.toMatchObject({ code: "SEAL_VERSION" });
  });
});

describe("a draft", () => {
  const someone = person("a").recipient();
  const spec = (slots: number, items: number): SealSpec => ({
    container: "qvd",
    mode: "open",
    writer: "test",
    slots: Array.from({ length: slots }, (_, i) => ({ name: `s${i}`, recipients: [someone] })),
    items: Array.from({ length: items }, (_, i) => ({ ordinal: i, name: "f", mask: "null", slots: [0], parts: [] })),
  });
  it("wants 1 to 64 slots and 1 to 4096 items", async () => {
    for (const [slots, items] of [
      [0, 1],
      [MAX_SLOTS + 1, 1],
      [1, 0],
      [1, MAX_SEALED_ITEMS + 1],
    ] as const) {
      await expect(draftSeal(spec(slots, items))).rejects.toMatchObject({ code: "USAGE" });
    }
    expect((await draftSeal(spec(2, 3))).regionLength([])).toBeGreaterThan(100);
  });
});

describe("a password derivation", () => {
  const derive = (rounds: number, work = kdfWork(), length = 8) =>
    pkcs12Kdf("sha1", 1, { password: "", work }, new Uint8Array(8), rounds, length);

  it("of more than a million rounds is refused before it begins", () => {
    expect(derive(2)).toHaveLength(8);
    expect(() => spend(kdfWork(), MAX_KDF_ITERATIONS)).not.toThrow();
    expect(() => derive(MAX_KDF_ITERATIONS + 1)).toThrow(expect.objectContaining({ code: "KEY_STORE_FORMAT" }));
    expect(() => derive(0)).toThrow(expect.objectContaining({ code: "KEY_STORE_FORMAT" }));
  });

  it("counts against what one key file may ask for in all", () => {
    const work = kdfWork();
    expect(work.left).toBe(MAX_KEY_FILE_ITERATIONS);
    derive(10, work);
    // 24 bytes are two blocks of SHA-1, each with all its rounds.
    derive(10, work, 24);
    expect(work.left).toBe(MAX_KEY_FILE_ITERATIONS - 30);
    expect(derive(30, { left: 30 })).toHaveLength(8);
    expect(() => derive(31, { left: 30 })).toThrow(expect.objectContaining({ code: "KEY_STORE_FORMAT" }));
  });
});

describe("a slot that names one key over and over", () => {
  it("has it tried once", async () => {
    let unwraps = 0;
    const find: FindKey = async (ref) => {
      const handle = await findTestKey(ref);
      if (handle === undefined) return undefined;
      const unwrap: typeof handle.unwrap = (request) => {
        unwraps += 1;
        return handle.unwrap(request);
      };
      return { ...handle, unwrap };
    };
    const file = memorySource(await sameRecipients(1, 9));
    await expect(openSealedQvd(file, find)).rejects.toMatchObject({ code: "SEAL_WRONG_KEY" });
    expect(unwraps).toBe(1);
  });
});

describe("leaves", () => {
  it("are the same however the bytes come, and the root is RFC 6962's", () => {
    const bytes = new Uint8Array(2 * LEAF_BYTES + 77).map((_, i) => i * 7);
    const whole = hashLeaves();
    whole.push(bytes);
    const pieces = hashLeaves();
    for (let at = 0; at < bytes.byteLength; at += 99_991) pieces.push(bytes.subarray(at, at + 99_991));
    const leaves = whole.end();
    expect(toHex(pieces.end())).toBe(toHex(leaves));
    expect(leaves).toHaveLength(32 * leafCount(bytes.byteLength));
    expect(leafCount(0)).toBe(1);
    // The empty leaf of RFC 6962's test tree.
    expect(toHex(hashLeaves().end())).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    // Three leaves 00, 10, 20 21 of the reference tree of Certificate Transparency: their root.
    const tree = [[], [0], [0x10]].map((leaf) => {
      const one = hashLeaves();
      one.push(Uint8Array.from(leaf));
      return one.end();
    });
    expect(toHex(treeRoot(new Uint8Array(tree.flatMap((h) => [...h]))))).toBe(
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    );
  });

  it("have MACs that differ by part, leaf and key", () => {
    const mac = (key: number, number: number) => {
      const digest = macLeaves(new Uint8Array(32).fill(key), number);
      digest.push(new Uint8Array(LEAF_BYTES + 1));
      return toHex(digest.end());
    };
    expect(new Set([mac(1, 0), mac(1, 1), mac(2, 0)]).size).toBe(3);
    expect(mac(1, 0).slice(0, 32)).not.toBe(mac(1, 0).slice(32));
  });
});

describe("the leak lint", () => {
  it("names plain fields that give a sealed one away, and quotes nothing", async () => {
    const columns = {
      secret: ["aaaa", "bbbb", "aaaa", "cccc"],
      code: [1, 2, 1, 3],
      fine: [7, 8, 9, 9],
      group: ["p", "p", "p", "q"],
      city: ["k", "l", "k", "k"],
      same: [0, 0, 0, 0],
      id: [1, 2, 3, 4],
    };
    const qvd = await plainQvd(columns, {
      lineage: [{ discriminator: "d", statement: "where x = 'bbbb'" }],
      comment: "c",
    });
    const table = await openQvdTable(memorySource(qvd));
    const slots = [{ name: "s", recipients: [], fields: ["secret"] }];
    const found = await leakFindings(table, { slots, keepLineage: true, keepComment: true });
    expect(found.map((f) => [f.kind, f.by])).toEqual([
      ["one-to-one", "code"],
      ["coarser", "group"],
      ["coarser", "city"],
      ["quoted", "lineage"],
    ]);
    expect(JSON.stringify(found)).not.toMatch(/aaaa|bbbb|cccc/);
    expect(await leakFindings(table, { slots, mode: "closed" })).toEqual([]);
    const twice = await leakFindings(table, { slots: [{ name: "s", recipients: [], fields: ["group"] }] });
    expect(twice.filter((f) => f.kind === "determines").map((f) => f.by)).toEqual(["secret", "code"]);
  });
});
