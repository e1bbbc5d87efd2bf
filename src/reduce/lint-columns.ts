import { fieldNamed } from "../table/model.ts";
import { isIdentityField, isSystemField, upper } from "./access-table.ts";
import type { ReducibleApp } from "./admit.ts";
import type { Finding } from "./finding.ts";
import type { AccessWorld } from "./grants.ts";

/** Findings that need only the columns of section access and the names of fields. */
export function lintColumns(app: ReducibleApp, world: AccessWorld): Finding[] {
  const out: Finding[] = [];
  for (const { field, places } of world.columns) {
    if (fieldNamed(app.model, field) < 0) {
      const alike = app.model.fields.find((f) => upper(f.name) === upper(field));
      if (alike !== undefined) {
        const message = `the app's field is called "${alike.name}", so ${field} reduces nothing: everybody sees all of it`;
        out.push({ code: "FIELD_CASE", severity: "error", about: field, message });
      } else if (places.length === 1) {
        const message = `${field} is no field of the app and links nothing: it has no effect`;
        out.push({ code: "NO_FIELD", severity: "warning", about: field, message });
      }
    }
    if (places.length < 2) continue;
    const stars = places.flatMap(({ table, column }) =>
      world.tables[table]!.rows.filter((row) => row[column] === "any"),
    );
    if (stars.length > 0) {
      const message = "a star may not be used in a field that links section access tables: its rows link with nothing";
      out.push({ code: "STAR_IN_LINK", severity: "error", about: field, message, count: stars.length });
    }
  }
  for (const t of world.tables) {
    t.fields.forEach((field, column) => {
      const cells = t.rows.map((row) => row[column]!);
      if (field === "ACCESS") {
        const stars = cells.filter((c) => c === "any").length;
        if (stars > 0) {
          const message = "a star in ACCESS is taken for USER; Qlik's own reading is not public";
          out.push({ code: "STAR_IN_ACCESS", severity: "error", about: t.name, message, count: stars });
        }
        const invalid = cells.filter((c) => c !== "any" && c?.text !== "USER" && c?.text !== "ADMIN").length;
        if (invalid > 0) {
          const message = "rows whose ACCESS is neither ADMIN nor USER let nobody in";
          out.push({ code: "INVALID_LEVEL", severity: "warning", about: t.name, message, count: invalid });
        }
      }
      if (!isIdentityField(field)) return;
      const blank = cells.filter((c) => c === null || (c !== "any" && c.text === "")).length;
      if (blank > 0) {
        const message = `a blank ${field} is for nobody; write * for everybody`;
        out.push({ code: "BLANK_IDENTITY", severity: "warning", about: t.name, message, count: blank });
      }
    });
    const identity = t.fields.map((f, c) => ({ f, c })).filter(({ f }) => isIdentityField(f));
    const open = identity.length === 0 ? 0 : t.rows.filter((row) => identity.every(({ c }) => row[c] === "any")).length;
    if (open > 0) {
      const message = "rows with a star in every identification field are for everybody who can reach the app";
      out.push({ code: "WILDCARD_IDENTITY", severity: "warning", about: t.name, message, count: open });
    }
  }
  if (!world.tables.some((t) => t.fields.some(isIdentityField))) {
    const message = "no identification field says whom a row is for: everybody who can reach the app has all the rows";
    out.push({ code: "WILDCARD_IDENTITY", severity: "warning", about: "section access", message });
  }
  for (const t of app.model.tables) {
    const names = t.columns.map((c) => upper(app.model.fields[c.field]!.name));
    if (names.includes("ACCESS") && names.some((n) => isSystemField(n) && n !== "ACCESS")) {
      const message = "a table of the app looks like section access: whoever sees it sees everybody's rights";
      out.push({ code: "ACCESS_IN_APP", severity: "warning", about: t.name, message });
    }
  }
  return out;
}
