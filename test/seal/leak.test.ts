import { createHash } from "node:crypto";
import { inflateSync, constants as zlib } from "node:zlib";
import { describe, expect, it } from "vitest";
import { partsOf, SEAL_MEMBER } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { newAppParts } from "../../src/engine/app-write.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import type { Manifest } from "../../src/seal/manifest.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { keysOf, person } from "./people.ts";
import { decryptedBytes, openBytes, plainQvd, sealBytes } from "./sealed.ts";
import { sealAppBytes } from "./sealed-app.ts";

const hr = person("hr");
const ROWS = 1000;
const request = { slots: [{ name: "hr", recipients: [hr.recipient()], fields: ["secret"] }] };
const open = Array.from({ length: ROWS }, (_, i) => i % 7);
const random = (i: number, length: number) =>
  createHash("shake256", { outputLength: length }).update(String(i)).digest("hex").slice(0, length);

/** Values that stand nowhere by chance, as text or as a number. */
const MARKS: readonly Cell[] = ["Quixotry-Mark", "Zörgiebel-Mark", 1_592_976_129, 86_421.135_790_123];
const marked = Array.from({ length: ROWS }, (_, i) => (i % 10 === 9 ? null : MARKS[i % MARKS.length]!));
/** Two fields that differ in everything but their rows: 2 values against 200, 1 NULL against 100, other frequencies. */
const few = Array.from({ length: ROWS }, (_, i) => (i === 7 ? null : random(i === 500 ? 1 : 2, 998)));
const many = Array.from({ length: ROWS }, (_, i) => (i < 900 ? random(i % 200, 8) : null));

/** A QVD of the open fields and this secret one. The time of writing stands in the header: both get the same. */
async function qvdWith(secret: readonly Cell[]): Promise<Uint8Array> {
  const qvd = await plainQvd({ open, secret, more: open.map((v) => `m${v}`) });
  const text = Buffer.from(qvd).toString("latin1");
  return new Uint8Array(Buffer.from(text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "2020-01-01 00:00:00"), "latin1"));
}

async function qvfWith(secret: readonly Cell[]): Promise<Uint8Array> {
  const more = open.map((v) => `m${v}`);
  const table = await appTable(memoryTable("Facts", ["open", "secret", "more"], [open, secret, more]));
  const script = `LOAD * INLINE [secret\n${MARKS.join("\n")}];`;
  const created = new Date("2024-02-29T12:34:56Z");
  return writtenBytes(await newAppParts({ title: "Leak", script, tables: [table], access: [], created }));
}

/** The bytes of a file, and of whatever inflates at any place of them: nothing of its layout is believed. */
function everyByte(file: Uint8Array): readonly Buffer[] {
  const all: Buffer[] = [Buffer.from(file)];
  for (let at = 0; at + 2 < file.byteLength; at++) {
    if ((file[at]! & 15) !== 8 || file[at]! >> 4 > 7 || ((file[at]! << 8) | file[at + 1]!) % 31 !== 0) continue;
    try {
      all.push(inflateSync(file.subarray(at), { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: 1 << 22 }));
    } catch {
      // Two bytes that look like the begin of a zlib stream and are none.
    }
  }
  return all;
}

/** The forms in which a value could stand in a file. */
function formsOf(mark: Cell): readonly Buffer[] {
  const text = String(mark);
  const numbers = typeof mark === "number" ? [new Int32Array([mark]), new Float64Array([mark])] : [];
  const whole = numbers.filter((n) => n[0] === mark).map((n) => Buffer.from(n.buffer));
  return [Buffer.from(text), Buffer.from(text, "utf16le"), Buffer.from(text, "latin1"), ...whole];
}

const found = (file: Uint8Array): readonly Cell[] => {
  const places = everyByte(file);
  return MARKS.filter((mark) => formsOf(mark).some((form) => places.some((bytes) => bytes.includes(form))));
};

/** What a manifest says to everybody, but for digests of what a seal makes anew and for lengths of `free` parts. */
function seenOf(manifest: Manifest, free: readonly string[]) {
  return {
    ...{ container: manifest.container, mode: manifest.mode, by: manifest.writer, slots: manifest.slots },
    items: manifest.items.map((item) => ({
      ...{ ordinal: item.ordinal, name: item.name, slot: item.slot, mask: item.mask },
      parts: item.parts.map((p) => [p.kind, free.includes(p.kind) ? "?" : p.length]),
    })),
  };
}

const sizesOf = (region: RegionHead) => [
  region.headLength,
  region.manifestBytes.byteLength,
  region.keyArea.byteLength,
  region.entryBytes.map((bytes) => bytes.byteLength),
];

describe("symbols of a sealed field", () => {
  it("stand in the plain QVD and app, and nowhere in the sealed ones, inflated or not", async () => {
    const qvd = await qvdWith(marked);
    const qvf = await qvfWith(marked);
    expect([found(qvd), found(qvf)]).toEqual([MARKS, MARKS]);
    for (const mode of ["open", "closed"] as const) {
      for (const sealed of [
        await sealBytes(qvd, { ...request, mode }),
        await sealAppBytes(qvf, { ...request, mode }),
        await sealBytes(qvd, { ...request, mode, mask: "token" }),
        await sealAppBytes(qvf, { ...request, mode, mask: "token" }),
      ])
        expect(found(sealed)).toEqual([]);
    }
  });
});

describe("what everybody sees of a sealed file", () => {
  it("of a QVD is the same for 2 values as for 200, with other frequencies and more NULLs", async () => {
    const seen = [];
    for (const plain of [await qvdWith(few), await qvdWith(many)]) {
      const file = await sealBytes(plain, request);
      const { header, region } = await readSealedHead(memorySource(file));
      expect(Buffer.from(await decryptedBytes(await openBytes(file, keysOf(hr)))).equals(plain)).toBe(true);
      seen.push({
        header: Buffer.from(header.bytes).toString("latin1"),
        symbols: Buffer.from(file.subarray(header.bytes.byteLength, region.offset)).toString("hex"),
        records: Buffer.from(file.subarray(region.offset + region.regionLength)).toString("hex"),
        lengths: [region.offset, region.regionLength, file.byteLength, sizesOf(region)],
        manifest: seenOf(region.manifest, []),
        plain: region.manifest.plain.map((p) => [p.name, p.offset, p.length, Buffer.from(p.root).toString("hex")]),
      });
    }
    expect(seen[0]!.header).toContain("<FieldName>secret</FieldName>");
    expect(seen[0]).toEqual(seen[1]);
  });

  it("of an app is the same but for the lengths of what was compressed before", async () => {
    const seen = [];
    for (const plain of [await qvfWith(few), await qvfWith(many)]) {
      const file = await sealAppBytes(plain, request);
      const region = await readSealedAppHead(memorySource(file));
      const streams = [];
      for (const part of await partsOf(await openQvf(memorySource(file)))) {
        const { path, time, meta } = part;
        if (path === SEAL_MEMBER) streams.push([path, time]);
        else streams.push([path, time, Buffer.from(meta).toString(), Buffer.from(await part.read()).toString("hex")]);
      }
      // Inode and end of the region's stream, and the size of the container, follow its length.
      const follows = ["header", `inode of ${SEAL_MEMBER}`, "end of the file"];
      const plains = region.manifest.plain.map(({ name, role, offset, length, root }) =>
        follows.includes(name) ? [name, role] : [name, role, offset, length, Buffer.from(root).toString("hex")],
      );
      const manifest = seenOf(region.manifest, ["symbols", "member"]);
      seen.push({ streams, manifest, plains, offset: region.offset, sizes: sizesOf(region) });
    }
    expect(seen[0]!.streams.length).toBeGreaterThan(10);
    expect(seen[0]!.plains.length).toBeGreaterThan(12);
    expect(seen[0]).toEqual(seen[1]);
  });
});
