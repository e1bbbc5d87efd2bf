import type { AccessMatrix } from "../reduce/matrix.ts";

/** What the report says of itself. */
export interface ReportHead {
  readonly app: string;
  readonly version: string;
  readonly mode: string;
  readonly time: string;
}

/** The matrix as one HTML file without scripts or anything from elsewhere, to print and to file. */
export function matrixHtml(matrix: AccessMatrix, head: ReportHead): string {
  const cell = (text: string, kind = "td", attribute = ""): string =>
    `<${kind}${attribute}>${escapeHtml(text)}</${kind}>`;
  const number = (n: number): string => cell(n.toLocaleString("en"), "td", ' class="n"');
  const header = ["Identity", "Level", "Reduction", ...matrix.tables, "Omitted fields"]
    .map((h) => cell(h, "th"))
    .join("");
  const all = ["All rows", "", "", ...matrix.rows.map((n) => n.toLocaleString("en")), ""]
    .map((t) => cell(t, "th"))
    .join("");
  const lines = matrix.lines.map((line) => {
    if (line.denied !== undefined) {
      const span = ` colspan="${matrix.tables.length + 3}" class="denied"`;
      return `<tr>${cell(line.identity)}${cell(`denied: ${line.denied.join(", ")}`, "td", span)}</tr>`;
    }
    const rows = line.rows.map((n, i) =>
      n === matrix.rows[i] ? cell(n.toLocaleString("en"), "td", ' class="n all"') : number(n),
    );
    return `<tr>${cell(line.identity)}${cell(line.level ?? "")}${number((line.reduction ?? 0) + 1)}${rows.join("")}${cell(line.omitted.join(", "))}</tr>`;
  });
  const denied = matrix.lines.filter((l) => l.denied !== undefined).length;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Section access of ${escapeHtml(head.app)}</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #999; padding: 0.2em 0.6em; text-align: left; }
.n { text-align: right; }
.all { background: #fff3c4; }
.denied { background: #f6d5d5; }
</style></head><body>
<h1>Section access of ${escapeHtml(head.app)}</h1>
<p>Made ${escapeHtml(head.time)} in mode ${escapeHtml(head.mode)}. Version ${escapeHtml(head.version)}.</p>
<p>${matrix.lines.length} identities, ${denied} denied, ${matrix.distinct} distinct reductions.
Shaded numbers: all rows of the table are seen. The rules are qvault's reading of Qlik's; nothing was run in Qlik software.</p>
<table><thead><tr>${header}</tr><tr>${all}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody></table>
</body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
