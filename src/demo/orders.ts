import type { ByteSink } from "../source/sink.ts";
import { tableBuilder } from "../table/builder.ts";
import type { Cell } from "../table/dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../table/field.ts";
import { writeQvd } from "../table/qvd-write.ts";

const DATE: NumberFormat = { ...UNKNOWN_FORMAT, type: "DATE", fmt: "YYYY-MM-DD" };
const MONEY: NumberFormat = {
  ...UNKNOWN_FORMAT,
  type: "MONEY",
  nDec: 2,
  useThou: 1,
  fmt: "#,##0.00 €",
  dec: ".",
  thou: ",",
};

const REGIONS = ["North", "South", "East", "West"];
const CUSTOMERS = ["Ångström AB", "Brown & Sons", 'The "Blue" Shop', "Dvořák s.r.o."];

/** 1 January 2026 as Qlik counts days: from 30 December 1899. */
const FIRST_DAY = 46_023;

/** The columns of `rows` made-up orders: texts, keys with leading zeros, duals, dates, money, NULLs. */
function orderColumns(rows: number): readonly (readonly Cell[])[] {
  const numbers = Array.from({ length: rows }, (_, row) => row);
  return [
    numbers.map((row) => String(row * 7).padStart(6, "0")),
    numbers.map((row) => REGIONS[(row * 5) % REGIONS.length]!),
    numbers.map((row) => CUSTOMERS[(row * 3) % CUSTOMERS.length]!),
    numbers.map((row) => FIRST_DAY + (row % 90)),
    numbers.map((row) => (row % 9 === 4 ? null : Math.round(row * 7919 + 1) / 100)),
    numbers.map((row) => ({ number: row % 3, text: ["open", "sent", "paid"][row % 3]! })),
  ];
}

/** Writes a QVD of made-up orders. The caller commits the sink. */
export async function writeOrders(sink: ByteSink, rows: number): Promise<void> {
  const builder = tableBuilder([
    { name: "OrderId" },
    { name: "Region" },
    { name: "Customer" },
    { name: "OrderDate", numberFormat: DATE, tags: ["$numeric", "$integer", "$timestamp", "$date"] },
    { name: "Amount", numberFormat: MONEY },
    { name: "State" },
  ]);
  await builder.add(orderColumns(rows));
  const { columns, batches } = builder.finish();
  await writeQvd(sink, { name: "Orders", comment: "made up by qvault demo", columns, rows, batches: batches() });
}
