import { printable } from "./terminal.ts";

/** Columns aligned by the characters' count; numbers to the right where `right` says so. Ends with a line end. */
export function textTable(rows: readonly (readonly string[])[], right: readonly number[] = [], maxWidth = 48): string {
  const cells = rows.map((row) => row.map((cell) => clip(printable(cell), maxWidth)));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, k) => {
      widths[k] = Math.max(widths[k] ?? 0, [...cell].length);
    });
  }
  return cells
    .map((row) => {
      const line = row.map((cell, k) => {
        const pad = " ".repeat(widths[k]! - [...cell].length);
        return right.includes(k) ? pad + cell : cell + pad;
      });
      return `${line.join("  ").trimEnd()}\n`;
    })
    .join("");
}

function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}
