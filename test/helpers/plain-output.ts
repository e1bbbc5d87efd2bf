import { type Cell, isDual } from "../../src/table/dual.ts";
import { displayText, numberFormatter } from "../../src/table/number-format.ts";
import type { MadeTable } from "./made-tables.ts";

/** The slow readable twins of the text writers: whole strings, cell by cell. */
export function plainCsv({ names, formats, rows }: MadeTable): string {
  const quoted = (text: string): string => (/[,"'\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const formatters = formats.map(numberFormatter);
  const lines = rows.map((row) =>
    row.map((cell, k) => {
      const text = displayText(cell, formatters[k]!);
      return text === "" && cell !== null ? '""' : quoted(text);
    }),
  );
  return `\ufeff${[names.map(quoted), ...lines].map((line) => `${line.join(",")}\r\n`).join("")}`;
}

export function plainJson({ table, names, rows }: MadeTable): string {
  const lines = rows.map((row) => `[${row.map(plainJsonCell).join(",")}]`);
  return `{"table":${JSON.stringify(table.name)},"fields":${JSON.stringify(names)},"rows":[\n${lines.join(",\n")}\n]}\n`;
}

export function plainNdjson({ names, rows }: MadeTable): string {
  const line = (row: readonly Cell[]): string =>
    `{${row.map((cell, k) => `${JSON.stringify(names[k])}:${plainJsonCell(cell)}`).join(",")}}\n`;
  return rows.map(line).join("");
}

function plainJsonCell(cell: Cell): string {
  if (isDual(cell)) return `[${plainJsonCell(cell.number)},${JSON.stringify(cell.text)}]`;
  if (typeof cell !== "number") return JSON.stringify(cell);
  if (Object.is(cell, -0)) return "-0.0";
  if (!Number.isFinite(cell)) return `{"number":"${cell}"}`;
  return Number.isInteger(cell) && Math.abs(cell) < 1e21 ? BigInt(cell).toString() : String(cell);
}
