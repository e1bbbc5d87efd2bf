import { describe, expect, it } from "vitest";
import { inflatePako } from "../../src/container/qvf/deflate.ts";
import { encodeFieldStream } from "../../src/container/qvf/field-stream.ts";
import { encodeFrame, encodeJsonFrame } from "../../src/container/qvf/frame.ts";
import {
  directoryPart,
  isFramed,
  newPart,
  parseMeta,
  partsOf,
  type QvfPart,
  replacedPart,
  SEAL_MEMBER,
  streamEnd,
} from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { salvageStreams } from "../../src/container/qvf/salvage.ts";
import { encodeStoredTable } from "../../src/container/qvf/stored-table.ts";
import { writeContainer } from "../../src/container/qvf/writer.ts";
import { QErr } from "../../src/errors.ts";
import { MAX_QVF_FRAME_BYTES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { said, saidLater } from "../helpers/errors.ts";
import { plainField } from "../helpers/field-content.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const stream = (path: string, content: Uint8Array): QvfPart => newPart(path, "t", content, 45_000);

async function image(parts: readonly QvfPart[]): Promise<Uint8Array> {
  const sink = memorySink();
  await writeContainer(sink, parts);
  await sink.commit();
  return sink.result().slice();
}

describe("the parts of a container", () => {
  const table = {
    head: {
      name: "T",
      source: "",
      unknown: new Uint8Array(8),
      rows: 2,
      synthetic: 0,
      columns: [8, 0, 1].map((width) => ({ field: 0, bias: 0, unused: 0, width, last: new Uint8Array(3) })),
    },
    vectors: [
      { length: 2, compressed: Uint8Array.of(1, 2, 3) },
      undefined,
      { length: 8, compressed: Uint8Array.of(4) },
    ],
  };
  const stale = (bytes: Uint8Array) => Uint8Array.from([...bytes, 1, 2, 3]);

  it("are framed but for the model, section access, the header and the seal", () => {
    const framed = ["qvapp_appscript", "qvapp_data2", "media/a", "data", "x/data/field_0"].map(isFramed);
    expect(framed).toEqual([true, true, true, true, true]);
    const plain = ["qvapp_data", "qvapp_qaccess", "qvapp_header", SEAL_MEMBER, "data/field_0", "data/x"].map(isFramed);
    expect(plain).toEqual(Array(6).fill(false));
  });

  it("end where their own form says, whatever is left behind that", () => {
    const none = { ...table, head: { ...table.head, rows: 0 }, vectors: [] };
    for (const [path, bytes] of [
      ["qvapp_appscript", encodeJsonFrame({ a: 1 })],
      ["data/field_3", encodeFieldStream(plainField(Uint8Array.of(1, 2, 3)))],
      ["data/table_0", encodeStoredTable(table)],
      ["data/table_1", encodeStoredTable(none)],
      ["qvapp_header", utf8("{}\0")],
    ] as const) {
      expect(streamEnd(path, stale(bytes)), path).toBe(bytes.byteLength);
    }
    expect(streamEnd("qvapp_header", utf8("{}"))).toBe(2);
    expect(streamEnd("qvapp_header", utf8("\0a"))).toBe(1);
    for (const path of ["qvapp_data", "qvapp_qaccess", SEAL_MEMBER, "data/other_0"]) {
      expect(streamEnd(path, stale(utf8("a\0"))), path).toBe(5);
    }
    expect(said(() => streamEnd("data/table_0", encodeStoredTable(table).subarray(0, -1)))).toMatchObject({
      code: "QVF_TABLE",
      part: "data/table_0",
    });
    expect(said(() => streamEnd("data/field_0", new Uint8Array(3)))).toMatchObject({
      code: "QVF_FIELD",
      part: "data/field_0",
    });
  });

  it("come from a container without what is left behind them", async () => {
    const frame = encodeFrame("binary", utf8("content"));
    const made = [
      { ...stream("a", stale(frame)), meta: utf8('{"Type":"x"}\0') },
      directoryPart("d", 3.5),
      stream("d/b", frame),
    ];
    const parts = await partsOf(await openQvf(memorySource(await image(made))));
    const shown = await Promise.all(parts.map(async (p) => ({ ...p, read: text(await p.read()) })));
    expect(shown).toEqual([
      {
        path: "a",
        isDirectory: false,
        time: 45_000,
        meta: utf8('{"Type":"x"}\0'),
        size: frame.byteLength,
        read: text(frame),
      },
      { path: "d", isDirectory: true, time: 3.5, meta: new Uint8Array(0), size: 0, read: "" },
      { path: "d/b", isDirectory: false, time: 45_000, meta: made[2]!.meta, size: frame.byteLength, read: text(frame) },
    ]);
    expect(await directoryPart("d", 0).read()).toEqual(new Uint8Array(0));
  });

  it("say of new content that it was not hashed, and keep the rest of what is said", async () => {
    const hash = "ERERERERERERERERERERERERERERERERERERERERERE=";
    const [framed, plain] = [newPart("qvapp_x", "tt", utf8("abc"), 7), newPart("qvapp_data", "tt", utf8("abc"), 7)];
    expect(text(framed.meta)).toBe(`{"ContentHash":"${hash}","Format":"gzjson","Type":"tt"}\0`);
    expect(text(plain.meta)).toBe(`{"ContentHash":"${hash}","Type":"tt"}\0`);
    expect(framed).toMatchObject({ path: "qvapp_x", isDirectory: false, time: 7, size: 3 });
    expect(text(await framed.read())).toBe("abc");
    const other = { ...framed, meta: utf8('{"ContentHash":"old","Other":1}\0') };
    const replaced = replacedPart(other, utf8("defgh"));
    expect(text(replaced.meta)).toBe(`{"ContentHash":"${hash}","Other":1}\0`);
    expect([replaced.path, replaced.size, text(await replaced.read())]).toEqual(["qvapp_x", 5, "defgh"]);
  });

  it("have a meta that is an object of JSON, with a NUL at its end or without", () => {
    const meta = (bytes: Uint8Array) => said(() => parseMeta(bytes, "p"));
    expect(meta(utf8('{"a":1}\0'))).toEqual({ a: 1 });
    expect(meta(utf8('{"a":1}'))).toEqual({ a: 1 });
    for (const bad of ["", "\0", "[]", "null", "1", '"a"', "{}\0\0", "{"]) {
      expect(meta(utf8(bad)), JSON.stringify(bad)).toMatchObject({ code: "QVF_JSON" });
    }
    expect(meta(utf8("[]"))).toMatchObject({ part: "p" });
    expect(meta(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({ code: "QVF_JSON", part: "p" });
  });
});

describe("what is salvaged", () => {
  const salvage = (bytes: Uint8Array, limit?: number) =>
    saidLater(async () => {
      const found = await salvageStreams(memorySource(bytes), inflatePako, limit);
      return found.map(({ offset, format, bytes: content }) => [offset, format, text(content)]);
    });
  const json = encodeJsonFrame({ a: 1 });
  const binary = encodeFrame("binary", utf8("bytes\0"));
  const at = (size: number, ...pieces: readonly (readonly [number, Uint8Array])[]) => {
    const bytes = new Uint8Array(size).fill(0x20);
    for (const [offset, piece] of pieces) bytes.set(piece, offset);
    return bytes;
  };

  it("is every frame that inflates, wherever it is, JSON without its NUL", async () => {
    const bytes = at(1000, [0, json], [101, binary], [1000 - json.byteLength, json]);
    expect(await salvage(bytes)).toEqual([
      [0, "gzjson", '{"a":1}'],
      [101, "binary", "bytes\0"],
      [1000 - json.byteLength, "gzjson", '{"a":1}'],
    ]);
    const bare = encodeFrame("gzjson", utf8("{}"));
    expect(await salvage(at(500, [9, bare]))).toEqual([[9, "gzjson", "{}"]]);
    expect(await salvage(new Uint8Array(0))).toEqual([]);
    expect(await salvage(at(500, [0, json.subarray(4)]))).toEqual([]);
  });

  it("is found where pieces meet, once", async () => {
    const PIECE = 1024 * 1024;
    for (const back of [3, 4, 5, 8, 14, 15, 16, 20]) {
      const offset = PIECE - back;
      expect(await salvage(at(2 * PIECE, [offset, json])), `${back}`).toEqual([[offset, "gzjson", '{"a":1}']]);
    }
  });

  it("is nothing that is damaged, cut, or states more than there may be", async () => {
    const broken = json.slice();
    broken[broken.byteLength - 1]! ^= 1;
    expect(await salvage(at(500, [7, broken]))).toEqual([]);
    expect(await salvage(at(7 + json.byteLength - 1, [7, json.subarray(0, -1)]))).toEqual([]);
    const lengthAt = 8 + json[0]!;
    const stated = (compressed: number) => {
      const bytes = at(500, [7, json]);
      new DataView(bytes.buffer).setUint32(7 + lengthAt, compressed, true);
      return bytes;
    };
    for (const compressed of [MAX_QVF_FRAME_BYTES, MAX_QVF_FRAME_BYTES + 1, 2 ** 32 - 1]) {
      expect(await salvage(stated(compressed)), `${compressed}`).toEqual([]);
    }
    const named = (format: number) => {
      const bytes = at(500, [7, json]);
      bytes[7] = format;
      return bytes;
    };
    for (const format of [0, 52, 53, 60, 75, 255]) expect(await salvage(named(format)), `${format}`).toEqual([]);
  });

  it("asks for no more bytes than a frame states, and for none that states more than there may be", async () => {
    const readsOf = async (bytes: Uint8Array) => {
      const reads: number[] = [];
      const memory = memorySource(bytes);
      const read = (offset: number, length: number) => {
        reads.push(length);
        return memory.read(offset, length);
      };
      await salvageStreams({ ...memory, read }, inflatePako);
      return reads;
    };
    expect(await readsOf(at(2000, [7, json]))).toEqual([2000, 64, json.byteLength]);
    expect(await readsOf(new Uint8Array(1024 * 1024))).toEqual([1024 * 1024]);
    const large = at(MAX_QVF_FRAME_BYTES + 1000, [7, json]);
    const lengthAt = 7 + 8 + json[0]!;
    const stating = async (compressed: number) => {
      new DataView(large.buffer).setUint32(lengthAt, compressed, true);
      return Math.max(...(await readsOf(large)));
    };
    expect(await stating(MAX_QVF_FRAME_BYTES)).toBe(12 + json[0]! + MAX_QVF_FRAME_BYTES);
    expect(await stating(MAX_QVF_FRAME_BYTES + 1)).toBeLessThan(2 * 1024 * 1024);
  });

  it("is not looked for in a file that is too large, or that cannot be read", async () => {
    expect(await salvage(at(500, [7, json]), 500)).toHaveLength(1);
    expect(await salvage(at(500, [7, json]), 499)).toMatchObject({ code: "LIMIT_EXCEEDED" });
    const memory = memorySource(at(500, [7, json]));
    const failing = async (error: Error) => {
      const source: ByteSource = { ...memory, read: (o, l) => (o === 7 ? Promise.reject(error) : memory.read(o, l)) };
      return salvageStreams(source, inflatePako);
    };
    expect(await saidLater(() => failing(new QErr("SOURCE_READ", "no")))).toMatchObject({ code: "SOURCE_READ" });
    await expect(failing(new TypeError("x"))).rejects.toThrow(TypeError);
  });
});
