import { concat } from "../../src/bytes/concat.ts";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { inflateBlob, readBlob, writeBlob } from "../../src/container/qvf/blob.ts";
import { encodeFrame, inflateFrame, parseFrame } from "../../src/container/qvf/frame.ts";
import { isFramed, partsOf, type QvfPart } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { writeApp } from "../../src/engine/app-write.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateJson, mutateXml } from "./mutate-text.ts";
import type { Random } from "./random.ts";
import type { Mutator } from "./target.ts";

/** Header as XML, or the body behind it as bytes. */
export const mutateQvd: Mutator = async (data, random, other) => {
  const nul = data.indexOf(0);
  if (nul < 0) return mutateBytes(data, random, other);
  const head = data.subarray(0, nul);
  const body = data.subarray(nul);
  if (random.oneIn(2)) return concat([await mutateXml(head, random, other), body]);
  return concat([head, await mutateBytes(body, random, other)]);
};

/** A number of the header and the body together: a field that says it is longer, and is. */
export const growQvd: Mutator = (data, random) => {
  const nul = data.indexOf(0);
  if (nul < 0) return data;
  const text = new TextDecoder().decode(data.subarray(0, nul));
  const rows = Number(/<NoOfRecords>(\d+)</.exec(text)?.[1] ?? 0);
  const size = Number(/<RecordByteSize>(\d+)</.exec(text)?.[1] ?? 1);
  if (!(size >= 1 && size <= 64 && rows <= 10_000)) return data;
  const more = 1 + random.below(40);
  const header = text
    .replace(/<NoOfRecords>\d+</, `<NoOfRecords>${rows + more}<`)
    .replace(/<Length>\d+<(?![\s\S]*<Length>)/, `<Length>${(rows + more) * size}<`);
  const rest = Uint8Array.from({ length: more * size }, () => (random.oneIn(4) ? random.next() : 0));
  return concat([new TextEncoder().encode(header), data.subarray(nul), rest]);
};

/** The blobs inside a stream: places where a length, 262144 and chunks that inflate stand. */
async function mutateBlob(bytes: Uint8Array, random: Random, other: Uint8Array): Promise<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: number[] = [];
  for (let at = 0; at + 8 <= bytes.byteLength; at++) if (view.getUint32(at + 4, true) === 262_144) places.push(at);
  if (places.length === 0) return mutateBytes(bytes, random, other);
  const at = random.pick(places);
  const c = cursor(bytes, "blob", { code: "QVF_STREAM" });
  c.offset = at;
  const raw = await inflateBlob(readBlob(c), inflateNode);
  const w = byteWriter();
  writeBlob(w, await mutateBytes(raw, random, other));
  return concat([bytes.subarray(0, at), written(w), bytes.subarray(c.offset)]);
}

async function mutateStream(path: string, bytes: Uint8Array, random: Random, other: Uint8Array): Promise<Uint8Array> {
  if (!isFramed(path)) return random.oneIn(2) ? mutateBlob(bytes, random, other) : mutateBytes(bytes, random, other);
  const frame = parseFrame(bytes, path);
  const raw = await inflateFrame(frame, inflateNode);
  if (frame.format === "binary" || raw.at(-1) !== 0)
    return encodeFrame(frame.format, await mutateBytes(raw, random, other));
  const json = await mutateJson(raw.subarray(0, -1), random, other);
  return encodeFrame("gzjson", random.oneIn(8) ? json : concat([json, new Uint8Array(1)]));
}

/** One stream of an app changed inside its compression, and the container written anew around it. */
export const mutateQvf: Mutator = async (data, random, other) => {
  try {
    const parts = await partsOf(await openQvf(memorySource(data)));
    const at = random.below(parts.length);
    const part = parts[at]!;
    const next: QvfPart[] = [...parts];
    if (random.oneIn(10)) next.splice(at, 1);
    else if (part.isDirectory || random.oneIn(8))
      next[at] = { ...part, meta: await mutateJson(part.meta, random, other) };
    else {
      const bytes = await mutateStream(part.path, await part.read(), random, other);
      next[at] = { ...part, size: bytes.byteLength, read: async () => bytes };
    }
    const sink = memorySink();
    await writeApp(sink, next);
    await sink.commit();
    return sink.result();
  } catch {
    return mutateBytes(data, random, other);
  }
};
