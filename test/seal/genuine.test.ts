import { beforeAll, describe, expect, it } from "vitest";
import { packField, RECORD_SLACK } from "../../src/bytes/bitfield.ts";
import { encodeUtf8 } from "../../src/bytes/utf8.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import { decodeFieldMeta, encodeFieldMeta, type SealedColumn } from "../../src/engine/seal-qvf-meta.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { encodeManifest } from "../../src/seal/manifest.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import { packVector } from "../../src/table/qvf-vector.ts";
import { goodQvd } from "../container/qvd-malformed.ts";
import { resealed, withHead } from "../fuzz/mutate-sealed.ts";
import { failure, saidLater } from "../helpers/errors.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { keysOf, person } from "./people.ts";
import { decryptedBytes, openBytes, sealBytes } from "./sealed.ts";
import { openAppBytes, sealAppBytes, streamsOf } from "./sealed-app.ts";
import { verdict } from "./verdict.ts";

const ann = person("ann");
const find = keysOf(ann);
const slotOf = (...fields: string[]) => [{ name: "all", recipients: [ann.recipient()], fields }];

/** The file with other contents in some parts of items, all of it authentic: what a writer with the keys can make. */
async function forged(
  file: Uint8Array,
  headOf: (file: Uint8Array) => Promise<RegionHead>,
  changes: readonly { readonly item: string; readonly part: number; change(old: Uint8Array): Uint8Array }[],
): Promise<Uint8Array> {
  let bytes: Uint8Array = file.slice();
  for (const { item, part, change } of changes) {
    const region = await authenticate(await headOf(bytes), find);
    const number = region.head.manifest.items.findIndex(({ name }) => name === item);
    const manifest = await resealed(bytes, region, number, part, change);
    bytes = withHead(bytes, region, encodeManifest(manifest), region.head.entryBytes);
    region.wipe();
  }
  return bytes;
}

describe("a sealed QVD whose parts do not fit each other, though each is genuine", () => {
  let sealed: Uint8Array;
  const headOf = async (file: Uint8Array) => (await readSealedHead(memorySource(file))).region;
  beforeAll(async () => {
    sealed = await sealBytes(goodQvd(), { slots: slotOf("Beta") });
  });
  /** With other words in the header that was sealed. */
  const reworded = (from: RegExp, to: string) => {
    const change = (old: Uint8Array) => {
      const text = new TextDecoder().decode(old);
      expect(text).toMatch(from);
      return encodeUtf8(text.replace(from, to));
    };
    return { item: "original header", part: 0, change };
  };
  const field = (name: string, element: string, to: number | string) =>
    [new RegExp(`(<FieldName>${name}</FieldName>[\\s\\S]*?<${element}>)[^<]*`), `$1${to}`] as const;

  it("is whole as long as nothing is changed", async () => {
    const same = await forged(sealed, headOf, [{ item: "original header", part: 0, change: (old) => old }]);
    expect(await verdict(same, find)).toBe("ok");
    expect(Buffer.compare(await decryptedBytes(await openBytes(same, find)), goodQvd())).toBe(0);
  });

  it("is damage where the sealed header has bits outside the record or another field, or would be refused by itself", async () => {
    for (const [change, code] of [
      [reworded(...field("Alpha", "BitOffset", 64)), "QVD_BITS"],
      [reworded(...field("Gamma", "BitOffset", 1)), "QVD_BITS"],
      [reworded(/<RecordByteSize>\d+/, "<RecordByteSize>0"), "QVD_RANGE"],
      [reworded(...field("Alpha", "BitWidth", 33)), "QVD_BITS"],
    ] as const) {
      const bad = await forged(sealed, headOf, [change]);
      expect(await verdict(bad, find)).toBe(code);
      await failure(code, () => openBytes(bad, find));
    }
  });

  it("is damage where the sealed header is that of other fields", async () => {
    for (const change of [
      reworded(/<FieldName>Alpha</, "<FieldName>Alphb<"),
      reworded(/<FieldName>Beta</, "<FieldName>Betb<"),
      reworded(...field("Alpha", "NoOfSymbols", 2)),
      reworded(...field("Alpha", "Length", 18)),
      reworded(...field("Beta", "Bias", 0)),
      reworded(...field("Beta", "BitWidth", 1)),
      reworded(...field("Beta", "NoOfSymbols", 1)),
      reworded(/<QvdFieldHeader>[\s\S]*?<\/QvdFieldHeader>\s*/, ""),
    ]) {
      const bad = await forged(sealed, headOf, [change]);
      const { code, part } = await failure("SEAL_DAMAGED", () => openBytes(bad, find));
      expect([code, part]).toEqual(["SEAL_DAMAGED", "sealed original header"]);
      expect(await verdict(bad, find)).toBe("SEAL_DAMAGED");
    }
    const fewer = reworded(/<NoOfRecords>4<\/NoOfRecords>([\s\S]*<Length>)4/, "<NoOfRecords>3</NoOfRecords>$13");
    await failure("SEAL_DAMAGED", async () => openBytes(await forged(sealed, headOf, [fewer]), find));
  });

  it("is damage where a sealed field has another name than the table says", async () => {
    const renamed = (old: Uint8Array) => {
      const map = unpackMessage(old, "meta") as Record<string, string>;
      return packMessage({ ...map, field: map.field!.replace("<FieldName>Beta<", "<FieldName>Betb<") });
    };
    const bad = await forged(sealed, headOf, [{ item: "Beta", part: 0, change: renamed }]);
    const { part } = await failure("SEAL_DAMAGED", () => openBytes(bad, find));
    expect([part, await verdict(bad, find)]).toEqual(['sealed meta of "Beta"', "SEAL_DAMAGED"]);
  });

  it("is damage where an index has a symbol, and no room in the header that was sealed", async () => {
    // Header and meta agree on one bit for Beta, whose indexes need two.
    const narrow = (text: string) => text.replace(/(<FieldName>Beta<[\s\S]*?<BitWidth>)2/, "$11");
    const inMeta = (old: Uint8Array) => {
      const map = unpackMessage(old, "meta") as Record<string, string>;
      expect(narrow(map.field!)).not.toBe(map.field);
      return packMessage({ ...map, field: narrow(map.field!) });
    };
    const inHeader = (old: Uint8Array) => encodeUtf8(narrow(new TextDecoder().decode(old)));
    const bad = await forged(sealed, headOf, [
      { item: "Beta", part: 0, change: inMeta },
      { item: "original header", part: 0, change: inHeader },
    ]);
    expect(await verdict(bad, find)).toBe("QVD_INDEX");
    const table = await openBytes(bad, find);
    expect(await saidLater(() => decryptedBytes(table))).toMatchObject({ code: "QVD_INDEX", numbers: [2, 1] });
    await table.close();
  });
});

describe("a sealed app whose column does not fit its width, though it is genuine", () => {
  let sealed: Uint8Array;
  const headOf = (file: Uint8Array) => readSealedAppHead(memorySource(file));
  beforeAll(async () => {
    sealed = await sealAppBytes(await goodImage(), { slots: slotOf("Text") });
  });
  const columnWith = (change: (column: SealedColumn) => Partial<SealedColumn>) => ({
    item: "Text",
    part: 0,
    change(old: Uint8Array) {
      const meta = decodeFieldMeta(old);
      return encodeFieldMeta({ ...meta, columns: meta.columns.map((c) => ({ ...c, ...change(c) })) });
    },
  });
  const streams = async (bytes: Uint8Array) => {
    const app = await openAppBytes(bytes, find);
    try {
      return (await streamsOf(app)).length;
    } finally {
      await app.close();
    }
  };

  it("is whole as long as nothing is changed", async () => {
    expect(await verdict(await forged(sealed, headOf, [columnWith(() => ({}))]), find)).toBe("ok");
  });

  it("is damage, since its indexes would spill over the next row's", async () => {
    for (const width of [1, 0]) {
      const narrow = columnWith(({ rows }) => {
        const all = Math.floor(((rows - 1) * width) / 8) + 8;
        return { width, slack: new Uint8Array(all - Math.floor((rows * width) / 8)) };
      });
      const bad = await forged(sealed, headOf, [narrow]);
      expect(await verdict(bad, find)).toBe("SEAL_DAMAGED");
      expect(await saidLater(() => streams(bad))).toMatchObject({ code: "SEAL_DAMAGED", part: "sealed meta" });
    }
  });
});

describe("a sealed app whose meta says what its parts do not", () => {
  it("is damage where a column is said to be that of another field, or comes twice", async () => {
    const headOf = (file: Uint8Array) => readSealedAppHead(memorySource(file));
    const sealed = await sealAppBytes(await goodImage(), { slots: slotOf("Key") });
    const withColumns = (change: (columns: readonly SealedColumn[]) => readonly SealedColumn[]) => ({
      item: "Key",
      part: 0,
      change(old: Uint8Array) {
        const meta = decodeFieldMeta(old);
        expect(meta.columns.map(({ table, column }) => [table, column])).toEqual([
          [0, 0],
          [1, 0],
        ]);
        return encodeFieldMeta({ ...meta, columns: change(meta.columns) });
      },
    });
    for (const change of [
      ([a, b]: readonly SealedColumn[]) => [a!, { ...b!, column: 1 }],
      ([a, b]: readonly SealedColumn[]) => [a!, { ...b!, column: 7 }],
      ([a]: readonly SealedColumn[]) => [a!, a!],
      ([a, b]: readonly SealedColumn[]) => [b!, a!],
    ]) {
      const bad = await forged(sealed, headOf, [withColumns(change)]);
      expect(await verdict(bad, find)).toBe("SEAL_DAMAGED");
    }
  });

  it("is damage where the bits behind the last row are said to be others in the row itself", async () => {
    // Text has 20 rows of 3 bits: its last byte holds 4 bits of them.
    const headOf = (file: Uint8Array) => readSealedAppHead(memorySource(file));
    const sealed = await sealAppBytes(await goodImage(), { slots: slotOf("Text") });
    const withSlack = (mask: number) => ({
      item: "Text",
      part: 0,
      change(old: Uint8Array) {
        const meta = decodeFieldMeta(old);
        const columns = meta.columns.map((c) => {
          expect([c.rows, c.width]).toEqual([20, 3]);
          return { ...c, slack: c.slack.map((byte, i) => (i === 0 ? byte ^ mask : byte)) };
        });
        return encodeFieldMeta({ ...meta, columns });
      },
    });
    expect(await verdict(await forged(sealed, headOf, [withSlack(0x80)]), find)).toBe("ok");
    for (const mask of [1, 8])
      expect(await verdict(await forged(sealed, headOf, [withSlack(mask)]), find)).toBe("SEAL_DAMAGED");
  });
});

describe("packing", () => {
  const field = (width: number, bias: number, ...indexes: number[]) => {
    const records = new Uint8Array(indexes.length * 4 + RECORD_SLACK);
    return packField(records, 4, indexes.length, 0, width, bias, Int32Array.from(indexes));
  };
  const vector = (width: number, bias: number, ...indexes: number[]) =>
    packVector(new Uint8Array(64), width, bias, 0, Int32Array.from(indexes), indexes.length);

  it.each([
    ["the records of a QVD", field],
    ["the vector of an app", vector],
  ])("into %s says if an index has no room", (_, fits) => {
    expect(fits(0, 0, 0, 0)).toBe(true);
    expect(fits(0, 0, 0, 1)).toBe(false);
    expect(fits(0, -2, -2)).toBe(true);
    expect(fits(0, -2, -1)).toBe(false);
    expect(fits(3, 0, 7, 0)).toBe(true);
    expect(fits(3, 0, 0, 8)).toBe(false);
    expect(fits(3, -2, 5)).toBe(true);
    expect(fits(3, -2, 6)).toBe(false);
    expect(fits(3, 0, -1)).toBe(false);
    expect(fits(31, 0, 2 ** 31 - 1)).toBe(true);
    expect(fits(31, 0, -1)).toBe(false);
    expect(fits(32, 0, 2 ** 31 - 1)).toBe(true);
    expect(fits(32, -2, 2 ** 31 - 1)).toBe(true);
  });
});
