import { deflateSync, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { type Blob, inflateBlob, readBlob, readBlobHead, writeBlob } from "../../src/container/qvf/blob.ts";
import { deflateLikeQlik, inflateExactly, inflatePako } from "../../src/container/qvf/deflate.ts";
import { readSymbolLength, readText, writeText } from "../../src/container/qvf/text.ts";
import { INFLATED_A_BYTE, MAX_FREE_INFLATED_BYTES } from "../../src/limits.ts";
import { said, saidLater } from "../helpers/errors.ts";

const CHUNK = 262_144;
const CODE = "QVF_FIELD";

const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const bytesOf = (...pieces: (Uint8Array | readonly number[])[]) => Uint8Array.from(pieces.flatMap((p) => [...p]));
const at = (bytes: Uint8Array, base = 0) => cursor(bytes, "p", { code: CODE, base });
/** Neither all alike nor easily compressed. */
const mixed = (length: number) => Uint8Array.from({ length }, (_, i) => (i * i * 31 + (i >> 7)) & 255);

function blobOf(bytes: Uint8Array): Uint8Array {
  const w = byteWriter();
  writeBlob(w, bytes);
  return written(w);
}

describe("a blob", () => {
  it("is written in chunks of 256 KiB, each deflated by itself with its length before it", () => {
    const content = mixed(2 * CHUNK + 5);
    const bytes = blobOf(content);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([content.byteLength, CHUNK]);
    const pieces: number[] = [];
    let from = 8;
    while (from < bytes.byteLength) {
      const length = view.getUint32(from, true);
      pieces.push(inflateSync(bytes.subarray(from + 4, from + 4 + length)).byteLength);
      from += 4 + length;
    }
    expect(pieces).toEqual([CHUNK, CHUNK, 5]);
    expect(from).toBe(bytes.byteLength);
  });

  it("is read as it was written, whatever its length", async () => {
    for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
      const content = mixed(length);
      const c = at(bytesOf(blobOf(content), [1, 2, 3]));
      const blob = readBlob(c);
      expect(c.end - c.offset, "nothing behind it is taken").toBe(3);
      expect([blob.length, blob.chunks.length, blob.part]).toEqual([length, Math.ceil(length / CHUNK), "p"]);
      const inflated = await inflateBlob(blob, inflatePako);
      expect(Buffer.compare(inflated, content), `${length}`).toBe(0);
    }
  });

  it("says before it is read how many chunks it has", () => {
    expect(readBlobHead(at(u32(CHUNK + 1, CHUNK)))).toEqual({ length: CHUNK + 1, chunks: 2 });
    expect(readBlobHead(at(u32(0, CHUNK)))).toEqual({ length: 0, chunks: 0 });
  });

  it("is refused with chunks of another length, or more of them than there is room for", () => {
    const c = at(bytesOf([9, 9, 9], u32(10, CHUNK - 1)), 100);
    c.offset = 3;
    expect(said(() => readBlob(c))).toMatchObject({ code: CODE, part: "p", offset: 103 });
    const other = blobOf(mixed(10));
    other[4] = 1;
    expect(said(() => readBlob(at(other)))).toMatchObject({ code: CODE, part: "p", offset: 0 });
    // The least that a chunk takes is eight bytes: two of them fit into sixteen, not into fifteen.
    const room = (bytes: number) =>
      bytesOf(u32(CHUNK + 1, CHUNK), u32(4, 0, 4, 0), new Uint8Array(16)).subarray(0, 8 + bytes);
    expect(said(() => readBlob(at(room(16))))).toMatchObject({ length: CHUNK + 1, part: "p" });
    const d = at(bytesOf([9], room(15)), 50);
    d.offset = 1;
    expect(said(() => readBlob(d))).toMatchObject({ code: CODE, part: "p", offset: 51 });
    expect(said(() => readBlob(at(bytesOf(u32(1, CHUNK, 5), [1, 2, 3, 4]))))).toMatchObject({ code: CODE });
  });

  it("may inflate to what its bytes pay for, and not to more", async () => {
    let asked = 0;
    const none = (_: Uint8Array, length: number) => {
      asked += length;
      return new Uint8Array(0);
    };
    const most = MAX_FREE_INFLATED_BYTES + INFLATED_A_BYTE * (1000 + 500);
    const blob = (length: number): Blob => ({
      length,
      chunks: Array.from(
        { length: Math.ceil(length / CHUNK) },
        (_, k) => new Uint8Array(k === 0 ? 1000 : k === 1 ? 500 : 0),
      ),
      part: "p",
    });
    expect(await saidLater(() => inflateBlob(blob(most + 1), none))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      part: "p",
      offset: undefined,
    });
    expect(asked).toBe(0);
    // Chunks of nothing cannot inflate to 256 KiB, and are refused one by one.
    expect(await saidLater(() => inflateBlob(blob(most), none))).toMatchObject({ code: "QVF_DEFLATE" });
    expect(asked).toBe(2 * CHUNK);
  });

  it("asks for whole chunks and at last for the rest", async () => {
    const lengths: number[] = [];
    const inflate = (bytes: Uint8Array, length: number) => {
      lengths.push(length);
      return inflatePako(bytes, length);
    };
    await inflateBlob(readBlob(at(blobOf(mixed(CHUNK + 7)))), inflate);
    expect(lengths).toEqual([CHUNK, 7]);
    const piece = mixed(9);
    expect(await inflateBlob(readBlob(at(blobOf(piece))), () => piece), "one piece is not copied").toBe(piece);
  });
});

describe("a deflated stream", () => {
  const RATIO = 1032;
  const SLACK = 64;

  it("has the bytes that zlib makes at level 6", () => {
    const content = mixed(5000);
    const bytes = deflateLikeQlik(content);
    expect([...bytes.subarray(0, 2)]).toEqual([0x78, 0x9c]);
    expect(Buffer.compare(inflateSync(bytes), content)).toBe(0);
    const best = deflateLikeQlik(new Uint8Array(100_000));
    expect(best.byteLength).toBe(deflateSync(new Uint8Array(100_000), { level: 6 }).byteLength);
  });

  it("inflates to the length that is stated, in one piece or several", () => {
    for (const length of [0, 1, 63, 64, 65, 65_535, 65_536, 65_537, 200_000]) {
      const content = mixed(length);
      expect(Buffer.compare(inflatePako(deflateSync(content), length), content), `${length}`).toBe(0);
    }
  });

  it("is refused by inflating where it is shorter, longer, damaged, cut, or has bytes behind its end", () => {
    const content = mixed(1000);
    const whole = deflateSync(content);
    const refused: [string, Uint8Array, number][] = [
      ["longer than stated", whole, 999],
      ["much longer than stated", deflateSync(new Uint8Array(100_000)), 10],
      ["shorter than stated", whole, 1001],
      ["cut", whole.subarray(0, -1), 1000],
      ["empty", new Uint8Array(0), 0],
      ["with a byte behind it", bytesOf(whole, [0]), 1000],
      ["another checksum", bytesOf(whole.subarray(0, -1), [whole.at(-1)! ^ 1]), 1000],
      ["gzip", bytesOf([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], [3, 0], u32(0, 0)), 0],
    ];
    for (const [what, bytes, length] of refused) expect(() => inflatePako(bytes, length), what).toThrow(RangeError);
  });

  it("is not begun where it cannot hold what is stated, and is damage where inflating says so", async () => {
    let begun = 0;
    const inflate = async (bytes: Uint8Array, length: number) => {
      begun += 1;
      return inflatePako(bytes, length);
    };
    const ten = new Uint8Array(10);
    const place = { code: "QVF_DEFLATE", part: "p", offset: undefined };
    expect(await saidLater(() => inflateExactly(inflate, ten, 10 * RATIO + SLACK + 1, "p"))).toMatchObject(place);
    expect(begun).toBe(0);
    expect(await saidLater(() => inflateExactly(inflate, ten, 10 * RATIO + SLACK, "p"))).toMatchObject(place);
    expect(begun).toBe(1);
    expect(await inflateExactly(inflate, deflateSync(mixed(50)), 50, "p")).toEqual(mixed(50));
  });
});

describe("a string of the model", () => {
  const textOf = (text: string) => {
    const w = byteWriter();
    writeText(w, text);
    return written(w);
  };

  it("has its length in one byte, three or seven, the least that hold it", () => {
    for (const [length, head] of [
      [0, [0]],
      [254, [254]],
      [255, [255, 255, 0]],
      [256, [255, 0, 1]],
      [65_534, [255, 254, 255]],
      [65_535, [255, 255, 255, 255, 255, 0, 0]],
      [70_000, [255, 255, 255, 112, 17, 1, 0]],
    ] as const) {
      const text = "x".repeat(length);
      const bytes = textOf(text);
      expect([...bytes.subarray(0, bytes.byteLength - length)], `${length}`).toEqual(head);
      const c = at(bytesOf(bytes, [1]));
      expect(readText(c)).toBe(text);
      expect(c.end - c.offset).toBe(1);
    }
    expect(readText(at(textOf("äöü €")))).toBe("äöü €");
  });

  it("is refused where it runs past the end or is not UTF-8", () => {
    expect(said(() => readText(at(Uint8Array.of(3, 65, 66))))).toMatchObject({ code: CODE });
    const c = at(Uint8Array.of(0, 0, 2, 0xc3, 0x28), 100);
    c.offset = 2;
    expect(said(() => readText(c))).toMatchObject({ code: CODE, part: "p", offset: 103 });
  });

  it("is longer than 254 bytes by a length in five bytes where it is a symbol's", () => {
    for (const [head, length, taken] of [
      [[254], 254, 1],
      [[255, 255, 0, 0, 0], 255, 5],
      [[255, 1, 2, 3, 4], 0x0403_0201, 5],
    ] as const) {
      const c = at(Uint8Array.from(head));
      expect([readSymbolLength(c), c.offset]).toEqual([length, taken]);
    }
  });
});
