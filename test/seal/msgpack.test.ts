import { describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { MAX_MSGPACK_DEPTH } from "../../src/limits.ts";
import {
  checkMessage,
  type Packed,
  packMessage,
  packPadded,
  paddedToStep,
  unpackMessage,
} from "../../src/seal/msgpack.ts";

/** What becomes of these bytes: the value, or what is said against them. */
function read(...bytes: readonly number[]) {
  try {
    return { value: unpackMessage(Uint8Array.from(bytes), "here") };
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, offset: error.offset, message: error.message };
  }
}
const damaged = (message: string, offset: number) => ({
  code: "SEAL_DAMAGED",
  part: "here",
  offset,
  message: `here: ${message}`,
});

const letters = (count: number) => Array.from({ length: count }, (_, i) => 97 + i);
const ones = (count: number): Packed => Array.from({ length: count }, () => 1);
const pairs = (count: number) => letters(count).flatMap((letter) => [0xa1, letter, 1]);
const object = (count: number): Packed =>
  Object.fromEntries(letters(count).map((letter) => [String.fromCharCode(letter), 1]));
const text = (count: number) => String.fromCharCode(...letters(count));

/** MessagePack's specification for a type byte: what follows it here, and what that means. Undefined if it is not used. */
function specified(type: number): readonly [body: readonly number[], value: Packed] | undefined {
  if (type <= 0x7f) return [[], type];
  if (type <= 0x8f) return [pairs(type - 0x80), object(type - 0x80)];
  if (type <= 0x9f) return [Array.from({ length: type - 0x90 }, () => 1), ones(type - 0x90)];
  if (type <= 0xbf) return [letters(type - 0xa0), text(type - 0xa0)];
  if (type >= 0xe0) return [[], type - 0x100];
  const known: Readonly<Record<number, readonly [readonly number[], Packed]>> = {
    192: [[], null],
    194: [[], false],
    195: [[], true],
    196: [[3, 7, 8, 9], Uint8Array.of(7, 8, 9)],
    197: [[0, 3, 7, 8, 9], Uint8Array.of(7, 8, 9)],
    198: [[0, 0, 0, 3, 7, 8, 9], Uint8Array.of(7, 8, 9)],
    203: [[0x40, 0x08, 0, 0, 0, 0, 0, 0], 3],
    204: [[200], 200],
    205: [[1, 0], 256],
    206: [[0, 1, 0, 0], 65_536],
    208: [[0xff], -1],
    209: [[0xff, 0], -256],
    210: [[0xff, 0xff, 0, 0], -65_536],
    217: [[3, ...letters(3)], "abc"],
    218: [[0, 3, ...letters(3)], "abc"],
    219: [[0, 0, 0, 3, ...letters(3)], "abc"],
    220: [
      [0, 3, 1, 1, 1],
      [1, 1, 1],
    ],
    221: [
      [0, 0, 0, 3, 1, 1, 1],
      [1, 1, 1],
    ],
    222: [[0, 3, ...pairs(3)], object(3)],
    223: [[0, 0, 0, 3, ...pairs(3)], object(3)],
  };
  return known[type];
}

describe("MessagePack, by each type byte", () => {
  const types = Array.from({ length: 256 }, (_, type) => type);

  it("is read as it is specified, and neither a byte less nor one more", () => {
    for (const type of types) {
      const [body, value] = specified(type) ?? [];
      if (body === undefined) continue;
      const name = `0x${type.toString(16)}`;
      const got = read(type, ...body);
      expect("value" in got && got.value instanceof Uint8Array ? [...got.value] : got, name).toEqual(
        value instanceof Uint8Array ? [...value] : { value },
      );
      expect(read(type, ...body, 1), name).toEqual(damaged("bytes follow the message", 1 + body.length));
      if (body.length > 0) expect(read(type, ...body.slice(0, -1)), name).toMatchObject({ code: "SEAL_DAMAGED" });
    }
    expect(types.filter((type) => specified(type) !== undefined)).toHaveLength(128 + 16 + 16 + 32 + 32 + 20);
  });

  it("is refused where the format has no use for it, whatever follows", () => {
    for (const type of types.filter((t) => specified(t) === undefined)) {
      for (let zeros = 0; zeros <= 9; zeros++) {
        const message = `type byte 0x${type.toString(16)} is not part of the format`;
        expect(read(type, ...new Array(zeros).fill(0))).toEqual(damaged(message, 1));
      }
    }
  });

  it("is a key if it is a string of up to 255 bytes, also of none", () => {
    for (const type of types) {
      const isString = type >= 0xa0 && type <= 0xbf;
      const [body] = specified(type) ?? [[]];
      const got = read(0x81, type, ...body, 1);
      const name = `0x${type.toString(16)}`;
      if (isString || type === 0xd9) expect(got, name).toHaveProperty("value");
      else expect(got, name).toEqual(damaged("a map key is no short string", 2));
    }
    for (const length of [0, 31, 32, 255])
      expect(read(0x81, 0xd9, length, ...new Array(length).fill(97), 5)).toEqual({
        value: { ["a".repeat(length)]: 5 },
      });
    expect(read(0x82, 0xa1, 97, 1, 0xd9, 1, 97, 2)).toEqual(damaged("a map has a key twice or a forbidden key", 7));
    expect(read(0x81, 0xd9, 9, ...Buffer.from("__proto__"), 1)).toMatchObject({ code: "SEAL_DAMAGED" });
  });
});

describe("MessagePack, where it is cut or lies", () => {
  it("says how many bytes are missing", () => {
    expect(read(0x92, 1, 0xce, 0, 0)).toEqual(damaged("needs 4 more bytes, 2 are left", 3));
    expect(read(0x92, 1, 0xc4, 4, 0, 0)).toEqual(damaged("needs 4 more bytes, 2 are left", 4));
    expect(read()).toEqual(damaged("needs 1 more bytes, 0 are left", 0));
    expect(read(0x81)).toMatchObject({ code: "SEAL_DAMAGED" });
  });

  it("refuses a count beyond what is left before it looks at one value", () => {
    const claims = (count: number, at: number) => damaged(`claims ${count} values, more than its bytes`, at);
    expect(read(0xdd, 0xff, 0xff, 0xff, 0xff)).toEqual(claims(2 ** 32 - 1, 5));
    expect(read(0xdf, 0xff, 0xff, 0xff, 0xff)).toEqual(claims(2 ** 32 - 1, 5));
    expect(read(0x92, 1, 0x93, 1, 1)).toEqual(claims(3, 3));
    // A pair has two bytes at least.
    expect(read(0x82, 0xa0, 1, 0xa0)).toEqual(claims(2, 1));
    expect(read(0x81, 0xa0, 1)).toEqual({ value: { "": 1 } });
  });

  it("refuses what is no whole number, or none that is exact", () => {
    const float = (number: number) => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, number);
      return read(0xcb, ...bytes);
    };
    for (const number of [0, 3, -3, 2 ** 53 - 1, 1 - 2 ** 53]) expect(float(number)).toEqual({ value: number });
    for (const number of [0.5, 2 ** 53, -(2 ** 53), Infinity, NaN])
      expect(float(number), `${number}`).toEqual(damaged("a number is no exact integer", 9));
  });

  it("lets anything but a list or a map lie at the greatest depth", () => {
    const lists = (count: number) => new Array(count).fill(0x91);
    const leaves = [
      [0xa0],
      [0xc0],
      [0xc2],
      [0xc3],
      [0],
      [0xff],
      [0xe0],
      [0xcc, 1],
      [0xc4, 0],
      [0xd9, 0],
      [0xbf, ...letters(31)],
    ];
    for (const leaf of leaves) expect(read(...lists(MAX_MSGPACK_DEPTH), ...leaf)).toHaveProperty("value");
    const deep = { code: "LIMIT_EXCEEDED", part: "here", message: "here is nested over 8 deep" };
    for (const leaf of [[0x80], [0x90], [0xdc, 0, 0], [0xdd, 0, 0, 0, 0], [0xde, 0, 0], [0xdf, 0, 0, 0, 0]]) {
      expect(read(...lists(MAX_MSGPACK_DEPTH - 1), ...leaf)).toHaveProperty("value");
      expect(read(...lists(MAX_MSGPACK_DEPTH), ...leaf)).toMatchObject(deep);
    }
  });

  it("says which part has too many values", () => {
    const list = packMessage(ones(5));
    checkMessage(list, "here", 6);
    expect(() => checkMessage(list, "here", 5)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED", part: "here", message: "here has over 5 values" }),
    );
  });
});

describe("a padded map", () => {
  it("fills whole steps of 512 bytes with 256 to 767 zeros, and loses nothing", () => {
    const seen = new Set<number>();
    for (let length = 0; length < 1100; length += 1) {
      const map = { a: "x".repeat(length), b: [1, null] };
      const bytes = packPadded(map);
      const { pad, ...rest } = unpackMessage(bytes, "here") as { pad: Uint8Array };
      expect(rest).toEqual(map);
      expect(bytes.byteLength % 512).toBe(0);
      expect(pad.byteLength >= 256 && pad.byteLength <= 767, `${pad.byteLength}`).toBe(true);
      expect(pad.every((byte) => byte === 0)).toBe(true);
      seen.add(bytes.byteLength);
    }
    expect([...seen]).toEqual([512, 1024, 1536]);
  });

  it("rounds up to whole steps", () => {
    expect([0, 1, 511, 512, 513, 1024].map(paddedToStep)).toEqual([0, 512, 512, 512, 1024, 1024]);
  });
});
