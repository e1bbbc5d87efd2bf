import { expect, it } from "vitest";
import { equalBytes } from "../../src/bytes/concat.ts";
import { encodeAccessStream, parseAccessStream } from "../../src/container/qvf/access-stream.ts";
import { inflateBlob } from "../../src/container/qvf/blob.ts";
import { inflateExactly, inflatePako } from "../../src/container/qvf/deflate.ts";
import { encodeFieldStream, type FieldStream, parseFieldStream } from "../../src/container/qvf/field-stream.ts";
import { encodeFrame, inflateFrame, parseFrame } from "../../src/container/qvf/frame.ts";
import { encodeModelHeader, parseModelHeader } from "../../src/container/qvf/model-header.ts";
import { isFramed, partsOf } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { countingSource } from "../../src/source/counting.ts";
import { memorySource } from "../../src/source/memory.ts";
import { realBytes, undamaged, writtenBytes } from "../helpers/qvf.ts";
import { describeShared } from "../helpers/shared.ts";

const content = async ({ symbols }: FieldStream) =>
  symbols.kind === "blob" ? inflateBlob(symbols.blob, inflatePako) : symbols.bytes;

describeShared("every undamaged real QVF", () => {
  it("there are some", () => {
    expect(undamaged().length).toBeGreaterThan(30);
  });

  it.each(undamaged())("lists $file from its header and directories alone", async (line) => {
    const source = countingSource(memorySource(realBytes(line)));
    const container = await openQvf(source);
    expect(container.entries.length).toBeGreaterThan(5);
    // An entry of a directory has about ten slots of 64 bytes.
    expect(source.count.bytes).toBeLessThan(2048 + container.entries.length * 1024);
    const before = source.count.bytes;
    expect(container.entry("qvapp_header")).toBeDefined();
    expect(source.count.bytes).toBe(before);
  });

  it.each(undamaged())("written and read again, $file has equal names, metas and streams", async (line) => {
    const container = await openQvf(memorySource(realBytes(line)));
    await container.claimAll();
    const parts = await partsOf(container);
    const bytes = await writtenBytes(parts);
    const again = await openQvf(memorySource(bytes));
    await again.claimAll();
    const same = (a: Uint8Array, b: Uint8Array) => expect(equalBytes(a, b)).toBe(true);
    expect(again.entries.map((e) => [e.path, e.isDirectory, e.time])).toEqual(
      container.entries.map((e) => [e.path, e.isDirectory, e.time]),
    );
    for (const [i, entry] of again.entries.entries()) {
      same(entry.meta, container.entries[i]!.meta);
      if (entry.isDirectory) continue;
      same(await again.read(entry.path), await parts[i]!.read());
      const original = await container.read(entry.path);
      // What is cut off was behind the stream's logical end.
      same(await again.read(entry.path), original.subarray(0, parts[i]!.size));
    }
    expect(equalBytes(await writtenBytes(await partsOf(again)), bytes)).toBe(true);
  });

  it.each(undamaged())("the streams of $file re-encode to identical bytes", async (line) => {
    const container = await openQvf(memorySource(realBytes(line)));
    for (const { path, size, isDirectory, read } of await partsOf(container)) {
      if (isDirectory) continue;
      const bytes = await read();
      expect(bytes.byteLength).toBe(size);
      let again: Uint8Array | undefined;
      if (isFramed(path)) {
        const frame = parseFrame(bytes, path);
        const raw = await inflateFrame(frame, inflateNode);
        expect(equalBytes(raw, await inflateFrame(frame, inflatePako))).toBe(true);
        again = encodeFrame(frame.format, raw);
      } else if (path.startsWith("data/field_")) {
        const field = parseFieldStream(bytes, path);
        again = encodeFieldStream({ ...field, symbols: await content(field) });
      } else if (path === "qvapp_data") {
        again = encodeModelHeader(parseModelHeader(bytes));
      } else if (path === "qvapp_qaccess") {
        const { names, fields, tables, components } = parseAccessStream(bytes);
        const contents = await Promise.all(fields.map(async (field) => ({ ...field, symbols: await content(field) })));
        const vectors = await Promise.all(
          tables.map(async ({ head, vectors: stored }) => ({
            head,
            vectors: await Promise.all(
              stored.map(async (v) => v && inflateExactly(inflatePako, v.compressed, v.length, path)),
            ),
          })),
        );
        again = encodeAccessStream(names, contents, vectors, components);
      }
      if (again !== undefined) expect(equalBytes(again, bytes), path).toBe(true);
    }
  });
});
