import { describe, expect, it } from "vitest";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { failure } from "../helpers/errors.ts";
import { editHeader, entry, packWithBigInt, rawQvd } from "../helpers/raw-qvd.ts";
import { qvdOf } from "../helpers/tables.ts";

const symbols = ["x", "y"].map(entry.text);

/** Two fields of two symbols over three rows; `raws` are the stored indexes. */
function two(a: readonly number[], b: readonly number[], bias = -2): Uint8Array {
  return rawQvd({
    fields: [
      { name: "a", symbols, bitOffset: 0, bitWidth: 4, bias },
      { name: "b", symbols, bitOffset: 4, bitWidth: 4, bias },
    ],
    rows: a.length,
    recordBytes: 1,
    records: packWithBigInt(a.length, 1, [
      { bitOffset: 0, raws: a },
      { bitOffset: 4, raws: b },
    ]),
  });
}

const found = async (qvd: Uint8Array) => {
  const { findings } = await verifyQvd(memorySource(qvd));
  return findings.map(({ level, code, part, offset, length }) => ({ level, code, part, offset, length }));
};

describe("verify", () => {
  it("reports each field with indexes beyond its symbols, with the first record of each", async () => {
    const qvd = two([0, 9, 4], [0, 2, 15]);
    const records = qvd.byteLength - 3;
    const place = { level: "damage", code: "QVD_INDEX", part: "index table", length: 1 };
    expect(await found(qvd)).toEqual([
      { ...place, offset: records + 1 },
      { ...place, offset: records + 2 },
    ]);
    const { findings } = await verifyQvd(memorySource(qvd));
    expect(findings[0]!.message).toContain("2 rows, the first is row 1");
  });

  it("reports the reserved index -1, and a bias without NULLs, as deviations", async () => {
    const qvd = two([0, 1, 2], [2, 3, 2]);
    const deviation = { level: "deviation", part: "index table" };
    expect(await found(qvd)).toEqual([
      { ...deviation, code: "QVD_RESERVED_INDEX", offset: qvd.byteLength - 2, length: 1 },
      { ...deviation, code: "QVD_BIAS_WITHOUT_NULL", offset: undefined, length: undefined },
    ]);
    expect(await found(two([0, 2, 3], [0, 2, 3]))).toEqual([]);
    expect(await found(two([0, 1, 1], [0, 1, 0], 0))).toEqual([]);
  });

  it("reports sections that fill the file and are not in the order of the header, the first of them", async () => {
    const fields = ["A", "BB"].map((name) => ({ name, symbols: [entry.text(name)], bitOffset: 0, bitWidth: 0 }));
    const qvd = rawQvd({ fields, rows: 2, recordBytes: 0, records: new Uint8Array(0) });
    expect(await found(qvd)).toEqual([]);
    const base = qvd.indexOf(0) + 1;
    const deviation = { level: "deviation", code: "QVD_ORDER" };
    const elsewhere = editHeader(qvd, (header) => header.replace("<Offset>7</Offset>", "<Offset>3</Offset>"));
    expect(await found(elsewhere)).toEqual([{ ...deviation, part: "index table", offset: base + 3, length: 0 }]);
    const turned = editHeader(qvd, (header) =>
      header.replace("<Offset>0</Offset>", "<Offset>4</Offset>").replace("<Offset>3</Offset>", "<Offset>0</Offset>"),
    );
    turned.set([...entry.text("BB"), ...entry.text("A")], base);
    expect(await found(turned)).toEqual([{ ...deviation, part: 'symbols of "A"', offset: base + 4, length: 3 }]);
    // A gap says it already.
    const gap = editHeader(qvd, (header) => header.replace("<Offset>0</Offset>", "<Offset>1</Offset>"));
    expect((await found(gap)).map(({ code }) => code)).not.toContain("QVD_ORDER");
  });

  it("reports every damaged symbol table, each at its own place, and still checks the indexes", async () => {
    const qvd = two([0, 2, 3], [0, 2, 9]);
    const body = qvd.indexOf(0) + 1;
    qvd[body] = 9;
    qvd[body + 6 + 4] = 0xff;
    expect(await found(qvd)).toEqual([
      { level: "damage", code: "QVD_SYMBOL", part: 'symbols of "a"', offset: body, length: undefined },
      { level: "damage", code: "BYTES_UTF8", part: 'symbols of "b"', offset: body + 9, length: 3 },
      { level: "damage", code: "QVD_INDEX", part: "index table", offset: qvd.byteLength - 1, length: 1 },
    ]);
  });

  it("finds any single damaged byte of the structure of symbols that changes what can be read", async () => {
    const qvd = await qvdOf({
      fields: [{ name: "a" }],
      columns: [["p", 1, { number: 2, text: "q" }, { number: 0.5, text: "r" }]],
    });
    const body = qvd.indexOf(0) + 1;
    // The type bytes and the closing NULs: their damage shifts everything behind.
    for (const at of [0, 2, 3, 8, 14, 15, 25]) {
      const broken = qvd.slice();
      broken[body + at] = broken[body + at]! ^ 0x40;
      expect((await found(broken)).length, `byte ${at}`).toBeGreaterThan(0);
    }
  });

  it("throws what the source throws, and CANCELLED", async () => {
    const inner = memorySource(await qvdOf({ fields: [{ name: "a" }], columns: [["x", null]] }));
    const gone: ByteSource = { ...inner, readInto: () => Promise.reject(new TypeError("gone")) };
    await expect(verifyQvd(gone)).rejects.toThrow("gone");
    await failure("CANCELLED", () => verifyQvd(inner, { signal: AbortSignal.abort() }));
  });
});
