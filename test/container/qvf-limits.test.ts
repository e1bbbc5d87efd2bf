import { describe, expect, it } from "vitest";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { parseAccessStream } from "../../src/container/qvf/access-stream.ts";
import { inflateBlob } from "../../src/container/qvf/blob.ts";
import { encodeFrame, parseFrame } from "../../src/container/qvf/frame.ts";
import { encodeModelHeader, parseModelHeader } from "../../src/container/qvf/model-header.ts";
import { partsOf } from "../../src/container/qvf/parts.ts";
import { openQvf, QVF_LIMITS } from "../../src/container/qvf/reader.ts";
import { salvageStreams } from "../../src/container/qvf/salvage.ts";
import { encodeStoredTable, parseStoredTable } from "../../src/container/qvf/stored-table.ts";
import { checkInflated, readTableHead, type TableHead, writeTableHead } from "../../src/container/qvf/table-stream.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import {
  FREE_CELLS_A_BYTE,
  INFLATED_A_BYTE,
  MAX_APP_FIELDS,
  MAX_FREE_CELLS,
  MAX_FREE_INFLATED_BYTES,
  MAX_QVF_DEPTH,
  MAX_QVF_DIRECTORY_BYTES,
  MAX_QVF_ENTRIES,
  MAX_QVF_EXTENT_DEPTH,
  MAX_QVF_FRAME_BYTES,
  MAX_QVF_SALVAGE_BYTES,
  MAX_QVF_STREAM_BYTES,
  MAX_QVF_TABLES,
} from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { failure } from "../helpers/errors.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { editing, fragmented, goodImage, goodParts } from "../helpers/qvf-image.ts";

describe("limits of a QVF, on both sides", () => {
  it("are those of limits.ts", () => {
    expect(QVF_LIMITS).toEqual({
      depth: MAX_QVF_DEPTH,
      entries: MAX_QVF_ENTRIES,
      directoryBytes: MAX_QVF_DIRECTORY_BYTES,
      streamBytes: MAX_QVF_STREAM_BYTES,
    });
  });

  it("directories inside each other", async () => {
    const source = memorySource(await goodImage());
    expect((await openQvf(source, { depth: 2 })).entry("data/field_0")).toBeDefined();
    await failure("QVF_DIRECTORY", () => openQvf(source, { depth: 1 }));
  });

  it("extent tables inside each other", async () => {
    const image = await goodImage();
    const open = async (depth: number) =>
      (await openQvf(memorySource(await fragmented(image, "qvapp_meta", depth)))).read("qvapp_meta");
    expect(await open(MAX_QVF_EXTENT_DEPTH - 1)).toEqual(await (await openQvf(memorySource(image))).read("qvapp_meta"));
    await failure("QVF_EXTENT", () => open(MAX_QVF_EXTENT_DEPTH));
  });

  it("entries", async () => {
    const source = memorySource(await goodImage());
    const { entries } = await openQvf(source);
    expect((await openQvf(source, { entries: entries.length })).entries).toEqual(entries);
    await failure("LIMIT_EXCEEDED", () => openQvf(source, { entries: entries.length - 1 }));
  });

  it("bytes of a directory", async () => {
    const image = await goodImage();
    const view = new DataView(image.buffer);
    const container = await openQvf(memorySource(image));
    const sizes = [0x200, container.entry("data")!.inode].map((at) => Number(view.getBigUint64(at, true)));
    const largest = Math.max(...sizes);
    expect((await openQvf(memorySource(image), { directoryBytes: largest })).entries.length).toBeGreaterThan(0);
    await failure("LIMIT_EXCEEDED", () => openQvf(memorySource(image), { directoryBytes: largest - 1 }));
  });

  it("bytes of a stream", async () => {
    const source = memorySource(await goodImage());
    const size = await (await openQvf(source)).size("qvapp_data");
    expect((await (await openQvf(source, { streamBytes: size })).read("qvapp_data")).byteLength).toBe(size);
    const container = await openQvf(source, { streamBytes: size - 1 });
    await failure("LIMIT_EXCEEDED", () => container.read("qvapp_data"));
  });

  it("bytes of a frame", async () => {
    const frame = encodeFrame("binary", new Uint8Array(10));
    const stated = (length: number) => {
      const bytes = frame.slice();
      editing(bytes).u32(4 + bytes[0]!, length);
      return parseFrame(bytes, "stream");
    };
    expect(stated(MAX_QVF_FRAME_BYTES).rawLength).toBe(MAX_QVF_FRAME_BYTES);
    await failure("LIMIT_EXCEEDED", () => stated(MAX_QVF_FRAME_BYTES + 1));
  });

  const columns = (widths: readonly number[]) =>
    widths.map((width) => ({ field: 0, bias: 0, unused: 0, width, last: new Uint8Array(3) }));
  const headOf = (rows: number, widths: readonly number[]): TableHead => ({
    name: "T",
    source: "",
    unknown: new Uint8Array(8),
    rows,
    synthetic: 0,
    columns: columns(widths),
  });

  it("bytes that the columns of a table inflate to, against those of its stream", async () => {
    const check = (rows: number, widths: readonly number[], stream: number) =>
      checkInflated(headOf(rows, widths), stream, "stream");
    const rows = MAX_FREE_INFLATED_BYTES / 2;
    expect(() => check(rows, [8, 8], 0)).not.toThrow();
    await failure("LIMIT_EXCEEDED", () => check(rows, [8, 8, 1], 0));
    expect(() => check(rows + INFLATED_A_BYTE * 50, [8, 8, 0], 100)).not.toThrow();
    await failure("LIMIT_EXCEEDED", () => check(rows + INFLATED_A_BYTE * 50 + 1, [8, 8], 100));
    // Also where the table is read, whose stream is all there is.
    const vector = { length: 2 ** 30, compressed: new Uint8Array(10) };
    const bytes = encodeStoredTable({ head: headOf(2 ** 30, [8]), vectors: [vector] });
    await failure("LIMIT_EXCEEDED", () => parseStoredTable(bytes, "stream"));
  });

  it("bytes that the symbols of a field inflate to, against those that are stored", async () => {
    const inflated = (length: number) =>
      inflateBlob({ length, chunks: [new Uint8Array(10)], part: "blob" }, inflateNode);
    await failure("QVF_DEFLATE", () => inflated(MAX_FREE_INFLATED_BYTES + 10 * INFLATED_A_BYTE));
    await failure("LIMIT_EXCEEDED", () => inflated(MAX_FREE_INFLATED_BYTES + 10 * INFLATED_A_BYTE + 1));
  });

  it("cells in columns of no bits, against the bytes of the others", async () => {
    const read = (rows: number, widths: readonly number[]) => {
      const w = byteWriter(4096);
      writeTableHead(w, headOf(rows, widths));
      return readTableHead(cursor(written(w), "stream", { code: "QVF_TABLE" })).rows;
    };
    const rows = MAX_FREE_CELLS / 4;
    expect(read(rows, [0, 0, 0, 0])).toBe(rows);
    await failure("LIMIT_EXCEEDED", () => read(rows, [0, 0, 0, 0, 0]));
    const free = Array<number>(4 + FREE_CELLS_A_BYTE).fill(0);
    expect(read(rows, [8, ...free])).toBe(rows);
    await failure("LIMIT_EXCEEDED", () => read(rows, [8, 0, ...free]));
  });

  it("fields of a model", async () => {
    const fields = (count: number) => {
      const names = Array.from({ length: count }, (_, i) => `f${i}`);
      const made = { fields: names, tables: 1, syntheticKeys: [], components: 1, states: 1, variables: [] };
      return parseModelHeader(encodeModelHeader({ ...made, state: new Uint8Array(0) })).fields.length;
    };
    expect(fields(MAX_APP_FIELDS)).toBe(MAX_APP_FIELDS);
    await failure("LIMIT_EXCEEDED", () => fields(MAX_APP_FIELDS + 1));
  });

  it("tables of a model and of section access", async () => {
    const header = (tables: number) =>
      parseModelHeader(
        encodeModelHeader({
          fields: [],
          tables,
          syntheticKeys: [],
          components: 0,
          states: 1,
          variables: [],
          state: new Uint8Array(0),
        }),
      );
    expect(header(MAX_QVF_TABLES).tables).toBe(MAX_QVF_TABLES);
    await failure("LIMIT_EXCEEDED", () => header(MAX_QVF_TABLES + 1));
    const access = (tables: number) => {
      const bytes = new Uint8Array(100);
      editing(bytes).u32(8, tables);
      return parseAccessStream(bytes);
    };
    await failure("QVF_TABLE", () => access(MAX_QVF_TABLES));
    await failure("LIMIT_EXCEEDED", () => access(MAX_QVF_TABLES + 1));
  });

  it("bytes that are searched for what survives", async () => {
    const source = memorySource(await goodImage());
    const streams = await salvageStreams(source, inflateNode, source.size);
    expect(streams.length).toBe(
      (await openQvf(source)).entries.filter((e) => /^(qvapp_[amv]|user|media\/)/.test(e.path)).length,
    );
    await failure("LIMIT_EXCEEDED", () => salvageStreams(source, inflateNode, source.size - 1));
    const huge = { ...source, size: MAX_QVF_SALVAGE_BYTES + 1 };
    await failure("LIMIT_EXCEEDED", () => salvageStreams(huge, inflateNode));
  });
});

describe("what is written", () => {
  it("has zeros wherever no stream is", async () => {
    const image = await goodImage();
    const container = await openQvf(memorySource(image));
    const used = new Uint8Array(image.byteLength);
    used.fill(1, 0, 0x60);
    for (const entry of [undefined, ...container.entries]) {
      const at = entry?.inode ?? 0x200;
      const view = new DataView(image.buffer);
      used.fill(1, at, at + 0x40);
      used.fill(
        1,
        Number(view.getBigUint64(at + 0x30, true)),
        Number(view.getBigUint64(at + 0x30, true)) + Number(view.getBigUint64(at, true)),
      );
    }
    const stray = image.findIndex((byte, i) => byte !== 0 && used[i] === 0);
    expect(stray).toBe(-1);
    expect(image.byteLength % 16_384).toBe(0);
  });

  it("refuses paths that cannot be, come twice or have no directory", async () => {
    const [part] = await goodParts();
    const write = (...paths: readonly string[]) => writtenBytes(paths.map((path) => ({ ...part!, path })));
    await write("a", "b");
    for (const paths of [["a", "a"], [""], ["a/b"], [".."], ["a\0"], ["\ud800"], ["a/b/c/d/e/f/g/h/i"]]) {
      await failure("QVF_VALUE", () => write(...paths));
    }
  });

  it("refuses a stream of another size than it was said to have", async () => {
    const [part] = await goodParts();
    await failure("QVF_VALUE", () => writtenBytes([{ ...part!, size: part!.size + 1 }]));
  });

  it("leaves out what is behind the logical end of a stream", async () => {
    const parts = await goodParts();
    const secret = new TextEncoder().encode("old sector");
    const stale = parts.map((part) => {
      if (part.isDirectory || ["qvapp_data", "qvapp_qaccess"].includes(part.path)) return part;
      const read = async () => Uint8Array.from([...(await part.read()), ...secret]);
      return { ...part, size: part.size + secret.byteLength, read };
    });
    const dirty = await writtenBytes(stale);
    const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
    expect(text(dirty)).toContain("old sector");
    const clean = await writtenBytes(await partsOf(await openQvf(memorySource(dirty))));
    expect(text(clean)).not.toContain("old sector");
    expect(clean).toEqual(await goodImage());
  });
});
