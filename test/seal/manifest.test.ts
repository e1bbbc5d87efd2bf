import { describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { MAX_SEALED_ITEMS, MAX_SLOTS } from "../../src/limits.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/seal/manifest.ts";
import { type Packed, packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { treeRoot } from "../../src/seal/tree.ts";

const leaf = new Uint8Array(32).fill(9);
/** Every kind of value once. */
const manifest: Manifest = {
  fileId: new Uint8Array(16).map((_, i) => i),
  container: "qvf",
  mode: "closed",
  createdAt: "2026-01-01T00:00:00.000Z",
  writer: "test",
  slots: ["a", "b"],
  signer: new Uint8Array(32).fill(5),
  items: [
    {
      ordinal: 2 ** 32 - 1,
      name: "f",
      slot: 1,
      mask: "token",
      parts: [
        { kind: "meta", offset: 0, length: 100, macs: new Uint8Array(16).fill(1), leaves: leaf },
        { kind: "member", offset: 100, length: 72, macs: new Uint8Array(16).fill(2), leaves: leaf },
      ],
    },
  ],
  plain: [{ name: "header", role: "header", offset: 0, length: 7, leaves: leaf, root: treeRoot(leaf) }],
};

type Values = Record<string, Packed>;
const packed = (of = manifest) => unpackMessage(encodeManifest(of), "x") as Values;

/** What comes of a manifest of these values. */
function read(value: Packed) {
  try {
    return decodeManifest(packMessage(value));
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, message: error.message };
  }
}
const bad = {
  code: "SEAL_DAMAGED",
  part: "manifest",
  message: "manifest: a value is not what the format asks for",
};
const damaged = { code: "SEAL_DAMAGED", part: "manifest" };

/** With one value of the manifest's item, its first part or the plain part put for another. */
const item = (change: Values) => ({ ...packed(), items: [{ ...(packed().items as Values[])[0], ...change }] });
const replaced = (list: readonly Packed[], at: number, value: Packed) => list.map((v, i) => (i === at ? value : v));
const part = (at: number, value: Packed) => {
  const parts = (packed().items as Values[])[0]!.parts as readonly Packed[][];
  return item({ parts: [replaced(parts[0]!, at, value), parts[1]!] });
};
const plain = (at: number, value: Packed) => ({
  ...packed(),
  plain: [replaced((packed().plain as Packed[][])[0]!, at, value)],
});

describe("a manifest", () => {
  it("comes back as it was, with and without a signer", () => {
    expect(read(packed())).toEqual(manifest);
    const parts = manifest.items[0]!.parts.map((p) => ({ ...p, leaves: undefined }));
    const unsigned = { ...manifest, signer: undefined, items: [{ ...manifest.items[0]!, parts }] };
    expect(read(packed(unsigned))).toEqual(unsigned);
    expect(read(item({ parts: (packed().items as Values[])[0]!.parts! }))).toEqual(manifest);
    expect(read(part(0, 0))).toEqual(manifest);
    expect(read(plain(0, "header"))).toEqual(manifest);
  });

  it("is a map and nothing else, and so is each item", () => {
    for (const value of [null, 5, "x", true, new Uint8Array(3), [], [packed()]]) {
      expect(read(value), JSON.stringify(value)).toEqual(bad);
      expect(read({ ...packed(), items: [value] }), JSON.stringify(value)).toEqual(bad);
      if (!Array.isArray(value)) expect(read({ ...packed(), plain: [value] })).toEqual(bad);
    }
  });

  it("has values of their kinds: no other type is taken for one", () => {
    const kinds: readonly Packed[] = [null, true, 1, -1, "1", "", new Uint8Array(0), [], {}];
    const of = (name: string) => packed()[name]!;
    for (const name of Object.keys(packed())) {
      for (const value of kinds) {
        const same = typeof value === typeof of(name) && Array.isArray(value) === Array.isArray(of(name));
        // Text may be any; lists may be empty, but for that of slots; no signer is another manifest than this.
        if (same && (name === "at" || name === "by" || name === "items" || name === "plain")) continue;
        expect(read({ ...packed(), [name]: value }), `${name} ${JSON.stringify(value)}`).toMatchObject(damaged);
      }
      expect(read(Object.fromEntries(Object.entries(packed()).filter(([key]) => key !== name))), name).toEqual(bad);
    }
  });

  it("has whole numbers in their ranges", () => {
    const wrong: readonly Packed[] = [null, true, "0", "", [], [0], new Uint8Array(1), -1, 2 ** 53 - 1];
    for (const value of wrong) {
      expect(read(item({ n: value })), `n ${JSON.stringify(value)}`).toEqual(bad);
      expect(read(item({ slot: value })), `slot ${JSON.stringify(value)}`).toEqual(bad);
      expect(read(part(0, value)), `kind ${JSON.stringify(value)}`).toEqual(bad);
      if (value !== 2 ** 53 - 1) {
        expect(read(part(1, value)), `offset ${JSON.stringify(value)}`).toEqual(bad);
        expect(read(plain(2, value)), `offset ${JSON.stringify(value)}`).toEqual(bad);
      }
      expect(read(part(2, value)), `length ${JSON.stringify(value)}`).toEqual(bad);
      expect(read(plain(3, value)), `length ${JSON.stringify(value)}`).toEqual(bad);
    }
    expect(read(item({ n: 0 }))).toHaveProperty("items");
    expect(read(item({ n: 2 ** 32 }))).toEqual(bad);
    expect(read(item({ slot: 0 }))).toHaveProperty("items");
    const none = { ...damaged, message: "manifest: an item belongs to no slot" };
    for (const slot of [2, MAX_SLOTS]) expect(read(item({ slot }))).toEqual(none);
    expect(read(item({ slot: MAX_SLOTS + 1 }))).toEqual(bad);
    for (const kind of [0, 1, 2, 3]) expect(read(part(0, kind))).toHaveProperty("items");
    for (const kind of [4, 5]) expect(read(part(0, kind))).toEqual(bad);
  });

  it("has words out of closed lists", () => {
    for (const word of ["qvd", "qvf"]) expect(read({ ...packed(), container: word })).toHaveProperty("items");
    for (const word of ["open", "closed"]) expect(read({ ...packed(), mode: word })).toHaveProperty("items");
    for (const word of ["null", "const", "token", "none"]) expect(read(item({ mask: word }))).toHaveProperty("items");
    for (const word of ["header", "symbols", "records", "member"]) expect(read(plain(1, word))).toHaveProperty("plain");
    for (const word of ["", "QVD", "half", "toString", 0, null]) {
      expect(read({ ...packed(), container: word })).toEqual(bad);
      expect(read({ ...packed(), mode: word })).toEqual(bad);
      expect(read(item({ mask: word }))).toEqual(bad);
      expect(read(plain(1, word))).toEqual(bad);
    }
  });

  it("has digests of their lengths; hashes of sealed parts where it is signed, and only there", () => {
    for (const bytes of [0, 15, 17, 32]) {
      expect(read({ ...packed(), id: new Uint8Array(bytes) })).toEqual(bad);
      expect(read(part(3, new Uint8Array(bytes)))).toEqual(bad);
    }
    for (const bytes of [0, 31, 33]) {
      expect(read({ ...packed(), signer: new Uint8Array(bytes) })).toEqual(bad);
      expect(read(part(4, new Uint8Array(bytes)))).toEqual(bad);
      expect(read(plain(4, new Uint8Array(bytes)))).toEqual(bad);
      expect(read(plain(5, new Uint8Array(bytes)))).toEqual(bad);
    }
    expect(read(part(4, null))).toEqual(bad);
    expect(read({ ...packed(), signer: null })).toEqual(bad);
    const root = { ...damaged, message: "manifest: a root does not fit its leaves" };
    expect(read(plain(4, new Uint8Array(32)))).toEqual(root);
    expect(read(plain(5, new Uint8Array(32)))).toEqual(root);
  });

  it("tells its slots apart, by names that a writer could have chosen", () => {
    const slots = (...names: readonly Packed[]) => read({ ...packed(), slots: names });
    expect(slots("b", "a")).toMatchObject({ slots: ["b", "a"] });
    const apart = { ...damaged, message: "manifest: slots are not named apart" };
    for (const names of [[], ["a", "b", "a"]]) expect(slots(...names)).toEqual(apart);
    const name = { ...damaged, message: "manifest: a slot name is not 1 to 64 letters, digits, - _ ." };
    for (const wrong of ["", "a b", "$(id)", "../a", "a\n", "\na", "ä", "x".repeat(65)]) {
      expect(slots("a", wrong), wrong).toEqual(name);
      expect(slots(wrong, "a"), wrong).toEqual(name);
    }
    expect(slots("a", 5)).toEqual(bad);
  });

  it("has one item of a number", () => {
    const [one] = packed().items as Values[];
    const two = (n: number) => read({ ...packed(), items: [one!, { ...one!, n }] });
    expect(two((one!.n as number) - 1)).toMatchObject({ items: [{}, {}] });
    expect(two(one!.n as number)).toEqual({ ...damaged, message: "manifest: two sealed items have one number" });
  });

  it("names the part that has too many slots or items", () => {
    const slots = Array.from({ length: MAX_SLOTS + 1 }, (_, i) => `s${i}`);
    const over = { code: "LIMIT_EXCEEDED", part: "manifest" };
    expect(read({ ...packed(), slots })).toMatchObject(over);
    const items = Array.from({ length: MAX_SEALED_ITEMS + 1 }, () => 0);
    expect(read({ ...packed(), items })).toMatchObject(over);
  });
});
