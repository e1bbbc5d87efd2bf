import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { encodeAccessStream, parseAccessStream } from "../../src/container/qvf/access-stream.ts";
import type { FieldContent } from "../../src/container/qvf/field-stream.ts";
import { encodeStoredTable, parseStoredTable, readStoredTable } from "../../src/container/qvf/stored-table.ts";
import {
  checkInflated,
  readTableHead,
  readVectorLengths,
  type TableHead,
  vectorBytes,
  writeTableHead,
  writeVector,
} from "../../src/container/qvf/table-stream.ts";
import {
  FREE_CELLS_A_BYTE,
  MAX_BIT_WIDTH,
  MAX_FIELDS,
  MAX_FREE_CELLS,
  MAX_FREE_INFLATED_BYTES,
  MAX_QVF_TABLES,
} from "../../src/limits.ts";
import { said } from "../helpers/errors.ts";
import { plainField } from "../helpers/field-content.ts";

const CODE = "QVF_TABLE";
const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values.map((v) => v >>> 0)).buffer);
const bytesOf = (...pieces: (Uint8Array | readonly number[])[]) => Uint8Array.from(pieces.flatMap((p) => [...p]));

const column = (width: number, more = {}) => ({
  field: 3,
  bias: -2,
  unused: 0xdead_beef,
  width,
  last: Uint8Array.of(7, 8, 9),
  ...more,
});
const HEAD: TableHead = {
  name: "T",
  source: "lib://a",
  unknown: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  rows: 5,
  synthetic: 1,
  columns: [column(8), column(0, { field: 0, bias: 4 }), column(3)],
};
/** Bytes of HEAD before its columns, of one column, and where what is told of the columns begins. */
const [COLUMNS, COLUMN, TOLD] = [38, 27, 18];

function headBytes(head: TableHead = HEAD): Uint8Array {
  const w = byteWriter();
  writeTableHead(w, head);
  return written(w);
}

/** Reads a head that lies behind seven other bytes of a stream, at 100 of a file. */
function readHead(bytes: Uint8Array) {
  const c = cursor(bytesOf(new Uint8Array(7), bytes), "p", { code: CODE, base: 100 });
  c.offset = 7;
  return said(() => {
    const head = readTableHead(c);
    expect(c.end - c.offset, "nothing behind it is taken").toBe(0);
    return head;
  });
}

/** The head with four bytes changed. */
function changedHead(at: number, value: number, head = HEAD) {
  const bytes = headBytes(head);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
  return readHead(bytes);
}

describe("the head of a table", () => {
  it("is written number by number", () => {
    const numbers = (c: TableHead["columns"][number]) => bytesOf(u32(0, c.field, c.bias, 0, c.unused, c.width), c.last);
    const expected = bytesOf(
      [1, 84, 7, ...new TextEncoder().encode("lib://a")],
      HEAD.unknown,
      u32(3, 5, -1, 0, 1),
      ...HEAD.columns.map(numbers),
      u32(-987),
    );
    expect(headBytes()).toEqual(expected);
    expect(headBytes({ ...HEAD, rows: 0 }).byteLength, "no mark without rows").toBe(expected.byteLength - 4);
  });

  it("is read as it was written", () => {
    expect(readHead(headBytes())).toEqual(HEAD);
    expect(readHead(headBytes({ ...HEAD, rows: 0 }))).toEqual({ ...HEAD, rows: 0 });
    expect(readHead(headBytes({ ...HEAD, columns: [] }))).toEqual({ ...HEAD, columns: [] });
  });

  it("is refused where its columns do not begin, where one is none, or where its rows do not begin", () => {
    const place = (offset: number) => ({ code: CODE, part: "p", offset: 107 + offset });
    expect(changedHead(TOLD + 8, 0)).toMatchObject(place(TOLD));
    expect(changedHead(TOLD + 12, 1)).toMatchObject(place(TOLD));
    for (const [k, at] of [
      [0, 0],
      [1, 12],
      [2, 0],
    ] as const) {
      const from = COLUMNS + k * COLUMN;
      expect(changedHead(from + at, 1), `${k}+${at}`).toMatchObject(place(from));
    }
    expect(changedHead(COLUMNS + 4, -1), "field -1").toMatchObject(place(COLUMNS));
    expect(changedHead(COLUMNS + 20, MAX_BIT_WIDTH)).toMatchObject({ rows: 5 });
    expect(changedHead(COLUMNS + 20, MAX_BIT_WIDTH + 1)).toMatchObject(place(COLUMNS));
    for (const mark of [987, 0, -1]) {
      expect(changedHead(COLUMNS + 3 * COLUMN, mark)).toMatchObject(place(COLUMNS + 3 * COLUMN));
    }
  });

  it("is refused with more columns than there may be, or than fit", () => {
    expect(changedHead(TOLD, MAX_FIELDS)).toMatchObject({ code: CODE, part: "p", offset: 107 + TOLD });
    expect(changedHead(TOLD, MAX_FIELDS + 1)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "p", offset: 107 + TOLD });
    const none = { ...HEAD, rows: 0 };
    expect(changedHead(TOLD, 4, none)).toMatchObject({ code: CODE, offset: 107 + TOLD });
    const cut = headBytes(none).subarray(0, -1);
    expect(readHead(cut)).toMatchObject({ code: CODE, offset: 107 + TOLD });
    expect(readHead(headBytes(none))).toMatchObject({ rows: 0 });
  });

  it("may have cells that take no bits, in the columns without and for the bytes of the others", () => {
    const rows = MAX_FREE_CELLS / 2;
    const free = (count: number, ...others: number[]) =>
      readHead(headBytes({ ...HEAD, rows, columns: [...Array(count).fill(0), ...others].map((w) => column(w)) }));
    expect(free(2)).toMatchObject({ rows });
    expect(free(3)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "p", offset: 107 + TOLD });
    expect(free(2 + FREE_CELLS_A_BYTE, 8)).toMatchObject({ rows });
    expect(free(3 + FREE_CELLS_A_BYTE, 8)).toMatchObject({ code: "LIMIT_EXCEEDED" });
    const empty = headBytes({ ...HEAD, rows: 0, columns: Array(50).fill(column(0)) });
    expect(readHead(empty)).toMatchObject({ rows: 0 });
  });
});

describe("a vector", () => {
  it("has whole bytes for 8, 16 and 32 bits, else the bits and room for a load at the last row", () => {
    expect([8, 16, 32].map((width) => vectorBytes(5, width))).toEqual([5, 10, 20]);
    expect([1, 3, 7, 9, 24, 31].map((width) => vectorBytes(17, width))).toEqual([10, 14, 22, 26, 56, 70]);
    expect(vectorBytes(1, 31)).toBe(8);
  });

  it("is stated with just that length", () => {
    const lengths = (raw: number) => {
      const c = cursor(bytesOf([0], u32(raw, 77)), "p", { code: CODE, base: 100 });
      c.offset = 1;
      return said(() => readVectorLengths(c, 17, 3));
    };
    expect(lengths(14)).toEqual({ raw: 14, compressed: 77 });
    for (const raw of [13, 15]) expect(lengths(raw)).toMatchObject({ code: CODE, part: "p", offset: 101 });
  });

  it("is deflated behind both its lengths", () => {
    const vector = Uint8Array.from({ length: 1000 }, (_, i) => i >> 3);
    const w = byteWriter();
    writeVector(w, vector);
    const bytes = written(w);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([1000, bytes.byteLength - 8]);
    expect(new Uint8Array(inflateSync(bytes.subarray(8)))).toEqual(vector);
  });

  it("counts in what a table may inflate to only where it has bits", () => {
    const check = (rows: number, widths: readonly number[]) =>
      said(() => checkInflated({ ...HEAD, rows, columns: widths.map((w) => column(w)) }, 0, "p"));
    expect(check(MAX_FREE_INFLATED_BYTES, [8, 0])).toBeUndefined();
    expect(check(MAX_FREE_INFLATED_BYTES + 1, [8])).toMatchObject({ code: "LIMIT_EXCEEDED", part: "p" });
  });
});

describe("a stored table", () => {
  const vectors = [
    { length: 5, compressed: Uint8Array.of(1, 2, 3) },
    undefined,
    { length: 9, compressed: Uint8Array.of(4) },
  ];

  it("is read as it was written, without bytes behind it, and with vectors only where there are rows and bits", () => {
    const table = { head: HEAD, vectors };
    const bytes = encodeStoredTable(table);
    expect(bytes).toEqual(bytesOf(headBytes(), u32(5, 3), [1, 2, 3], u32(9, 1), [4]));
    expect(parseStoredTable(bytes, "p")).toEqual(table);
    expect(parseStoredTable(bytesOf(bytes, [1, 2, 3]), "p")).toEqual(table);
    const none = { head: { ...HEAD, rows: 0 }, vectors: [undefined, undefined, undefined] };
    expect(parseStoredTable(encodeStoredTable(none), "p")).toEqual(none);
  });

  it("is refused where a vector is cut", () => {
    const bytes = encodeStoredTable({ head: HEAD, vectors });
    expect(said(() => parseStoredTable(bytes.subarray(0, -1), "p"))).toMatchObject({ code: CODE, part: "p" });
  });

  it("is paid for by the whole stream that it is in", () => {
    const rows = MAX_FREE_INFLATED_BYTES + 128 * 100;
    const wide = encodeStoredTable({
      head: { ...HEAD, rows, columns: [column(8)] },
      vectors: [{ length: rows, compressed: new Uint8Array(0) }],
    });
    const padded = (bytes: number) =>
      cursor(bytesOf(wide, new Uint8Array(bytes - wide.byteLength)), "p", { code: CODE });
    expect(said(() => readStoredTable(padded(100)))).toMatchObject({ head: { rows } });
    expect(said(() => readStoredTable(padded(99)))).toMatchObject({ code: "LIMIT_EXCEEDED", part: "p" });
  });
});

describe("the stream of section access", () => {
  const field: FieldContent = plainField(Uint8Array.of(0, 0, 0, 0));
  const table = { head: { ...HEAD, columns: [column(8)] }, vectors: [new Uint8Array(5)] };
  const made = () => encodeAccessStream(["ACCESS", "USERID"], [field, field], [table, table], 2);
  const EMPTY = encodeAccessStream([], [], [], 0);
  const changed = (at: number, value: number, bytes = EMPTY) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return said(() => parseAccessStream(copy));
  };

  it("is read as it was written", () => {
    const read = parseAccessStream(made());
    expect(read).toMatchObject({ names: ["ACCESS", "USERID"], components: 2 });
    expect(read.fields.map(({ tail }) => tail)).toEqual([field.tail, field.tail]);
    expect(read.tables.map(({ head }) => head)).toEqual([table.head, table.head]);
    expect(read.tables.map((t) => new Uint8Array(inflateSync(t.vectors[0]!.compressed)))).toEqual([
      new Uint8Array(5),
      new Uint8Array(5),
    ]);
    expect(read.state.byteLength, "three bytes, and 42 for each field").toBe(3 + 2 * 42);
    expect(made()).toEqual(
      encodeAccessStream(
        ["ACCESS", "USERID"],
        [field, field],
        [{ ...table, vectors: [...table.vectors, undefined] }, table],
        2,
      ),
    );
  });

  it("has 27 bytes where there is none", () => {
    expect(EMPTY).toEqual(bytesOf(u32(0, 0, 0, 0, 0, 1), [0, 0, 0]));
    expect(parseAccessStream(EMPTY)).toEqual({
      names: [],
      fields: [],
      tables: [],
      components: 0,
      state: new Uint8Array(3),
    });
  });

  it("is refused where a number that is always the same is another", () => {
    const place = { code: CODE, part: "qvapp_qaccess" };
    expect(changed(0, 1)).toMatchObject({ ...place, offset: 0 });
    expect(changed(12, 1)).toMatchObject(place);
    expect(changed(16, 9)).toMatchObject({ components: 9 });
    for (let length = 0; length < EMPTY.byteLength - 3; length++) {
      expect(
        said(() => parseAccessStream(EMPTY.subarray(0, length))),
        `cut at ${length}`,
      ).toMatchObject(place);
    }
    for (const value of [0, 2]) expect(changed(20, value)).toMatchObject(place);
  });

  it("is refused with more fields or tables than there may be, or than fit", () => {
    for (const [at, most] of [
      [4, MAX_FIELDS],
      [8, MAX_QVF_TABLES],
    ] as const) {
      const place = { part: "qvapp_qaccess", offset: at };
      expect(changed(at, most + 1)).toMatchObject({ ...place, code: "LIMIT_EXCEEDED" });
      expect(changed(at, most)).toMatchObject({ ...place, code: CODE });
      // Each takes a byte at least: as many as there are bytes left are tried, and then run out.
      const left = EMPTY.byteLength - at - 4;
      expect(changed(at, left + 1)).toMatchObject({ ...place, code: CODE });
      expect(changed(at, left)).not.toMatchObject(place);
    }
  });
});
