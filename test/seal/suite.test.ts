import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hkdfExpand } from "../../src/seal/hkdf.ts";
import { contextBytes, fileMacKey, PART_KIND, type PartKind, slotKeys } from "../../src/seal/suite.ts";

const key = new Uint8Array(32).map((_, i) => i);
const fileId = new Uint8Array(16).map((_, i) => 200 + i);

/** RFC 5869 section 2.3 in its own words: T(n) = HMAC(key, T(n - 1) | info | n), one after the other, cut off. */
function expanded(info: Uint8Array, length: number): Buffer {
  let all: Buffer = Buffer.alloc(0);
  let last: Buffer = Buffer.alloc(0);
  for (let n = 1; all.byteLength < length; n++) {
    last = createHmac("sha512", key)
      .update(Buffer.concat([last, info, Buffer.of(n)]))
      .digest();
    all = Buffer.concat([all, last]);
  }
  return all.subarray(0, length);
}

describe("HKDF-Expand", () => {
  it("gives what RFC 5869 says, of any length to 255 blocks", () => {
    for (const length of [1, 31, 32, 63, 64, 65, 127, 128, 129, 255 * 64 - 1, 255 * 64])
      for (const info of [new Uint8Array(), Buffer.from("info")])
        expect(Buffer.from(hkdfExpand(key, info, length)).equals(expanded(info, length)), `${length}`).toBe(true);
    for (const length of [0, -1, 255 * 64 + 1])
      expect(() => hkdfExpand(key, fileId, length)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("the keys of a file", () => {
  const info = (name: string) => Buffer.concat([Buffer.from(`qvault seal/v1 ${name}\0`), fileId]);

  it("come from the slot key and the common key by names of their own (SPEC 6.3.2)", () => {
    const { wrap, mac } = slotKeys(key, fileId);
    expect(Buffer.from(wrap).equals(expanded(info("kw"), 32))).toBe(true);
    expect(Buffer.from(mac).equals(expanded(info("mac"), 64))).toBe(true);
    expect(Buffer.from(fileMacKey(key, fileId)).equals(expanded(info("file mac"), 64))).toBe(true);
  });

  it("are bound to the place of a part: file, slot, ordinal, kind and name (SPEC 6.4.2)", () => {
    const at = (change: object = {}) =>
      contextBytes({ fileId, slot: 0x0102, ordinal: 0x03040506, kind: "index", name: "fée", ...change });
    const expected = [
      ...Buffer.from("qvault seal/v1 part\0"),
      ...fileId,
      ...[0x02, 0x01],
      ...[0x06, 0x05, 0x04, 0x03],
      2,
      ...[4, 0, 0, 0],
      ...Buffer.from("fée"),
    ];
    expect([...at()]).toEqual(expected);
    expect([...at({ name: "" })]).toEqual([...expected.slice(0, -8), 0, 0, 0, 0]);
    const kinds = Object.entries(PART_KIND) as [PartKind, number][];
    expect(kinds).toEqual([
      ["meta", 0],
      ["symbols", 1],
      ["index", 2],
      ["member", 3],
    ]);
    for (const [kind, number] of kinds) expect(at({ kind })[20 + 16 + 6]).toBe(number);
  });
});
