import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestTable } from "../../src/engine/digest.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { entry, rawQvd } from "../helpers/raw-qvd.ts";
import { qvdOf } from "../helpers/tables.ts";

/** The cell encoding said again, as plainly as can be (SPEC 7). */
function plainDigest(cells: readonly Cell[]): string {
  const hash = createHash("sha256");
  const number = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return bytes;
  };
  for (const cell of cells) {
    if (cell === null) hash.update(Uint8Array.of(0));
    else if (typeof cell === "number") hash.update(Uint8Array.of(2)).update(number(cell));
    else if (typeof cell === "string") hash.update(Uint8Array.of(4)).update(`${cell}\0`, "utf8");
    else hash.update(Uint8Array.of(6)).update(number(cell.number)).update(`${cell.text}\0`, "utf8");
  }
  return hash.digest("hex");
}

const digestOf = async (bytes: Uint8Array) => digestTable(await openQvdTable(memorySource(bytes)));

const text = fc.string({ unit: "grapheme", maxLength: 30 }).map((t) => t.replaceAll("\0", ""));
const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.constant(null),
  fc.integer(),
  fc.double({ noNaN: true }),
  text,
  fc.record({ number: fc.integer({ min: -5, max: 5 }), text }),
);

describe("digests", () => {
  it("are the hash of the cells as the specification says them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { maxLength: 60 }), async (cells) => {
        const { columns } = await digestOf(await qvdOf({ fields: [{ name: "a" }], columns: [cells] }));
        expect(columns).toEqual([{ name: "a", sha256: plainDigest(cells) }]);
      }),
    );
  });

  it("hold for texts longer than any buffer, for many rows and for more columns than one pass takes", async () => {
    const long = "é".repeat(300_000);
    const cells: Cell[] = Array.from({ length: 5_000 }, (_, i) =>
      i % 100 === 0 ? long : i % 3 === 0 ? null : `t${i}`,
    );
    const columns = Array.from({ length: 35 }, (_, k) => (k === 17 ? cells : cells.map((_, row) => (row * k) % 11)));
    const fields = columns.map((_, k) => ({ name: `f${k}` }));
    const digest = await digestOf(await qvdOf({ fields, columns }));
    expect(digest.columns).toEqual(columns.map((c, k) => ({ name: `f${k}`, sha256: plainDigest(c) })));
  });

  it("do not depend on the layout: other types of bytes, repeated and unused symbols, order, widths", async () => {
    const layouts = [
      rawQvd({
        fields: [{ name: "a", symbols: [entry.int(1), entry.text("")], bitOffset: 0, bitWidth: 8 }],
        rows: 3,
        recordBytes: 1,
        records: Uint8Array.of(0, 1, 1),
      }),
      rawQvd({
        fields: [
          {
            name: "a",
            symbols: [entry.text("unused"), entry.text(""), entry.double(1), entry.text("")],
            bitOffset: 4,
            bitWidth: 11,
          },
        ],
        rows: 3,
        recordBytes: 2,
        records: Uint8Array.of(0x20, 0, 0x10, 0, 0x30, 0),
      }),
    ];
    for (const layout of layouts) {
      expect((await digestOf(layout)).columns[0]!.sha256).toBe(plainDigest([1, "", ""]));
    }
  });

  it("tell apart what a careless reader takes for the same", async () => {
    const columns: Cell[][] = [
      [[null], [""], ["0"], [0], [-0], ["1"], [1], [{ number: 1, text: "1" }], [{ number: 1, text: "01" }]],
    ].flat();
    const digests = columns.map((cells) => plainDigest(cells));
    expect(new Set(digests).size).toBe(columns.length);
    for (const [i, cells] of columns.entries()) {
      const { columns: found } = await digestOf(await qvdOf({ fields: [{ name: "a" }], columns: [cells] }));
      expect(found[0]!.sha256).toBe(digests[i]);
    }
  });
});
