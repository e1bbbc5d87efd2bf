import { fieldNamed } from "../table/model.ts";
import { type Identity, identityOf } from "../table/model-identity.ts";
import { type AccessValue, accessIdentity, upper } from "./access-table.ts";
import type { ReducibleApp } from "./admit.ts";
import type { Finding } from "./finding.ts";
import { type AccessWorld, listedIn } from "./grants.ts";
import type { Rules } from "./rules.ts";

/** Findings from comparing the listed values of each reduction field with its data. */
export function lintValues(app: ReducibleApp, world: AccessWorld, rules: Rules): Finding[] {
  const out: Finding[] = [];
  for (const { field, places } of world.columns) {
    const ordinal = fieldNamed(app.model, field);
    if (ordinal < 0) continue;
    const data = valuesOfField(app, ordinal, rules);
    const listed = new Map<Identity, AccessValue>();
    for (const { table, column } of places) {
      for (const v of listedIn(world.tables[table]!, column)) listed.set(accessIdentity(v), v);
      const star = world.tables[table]!.rows.some((row) => row[column] === "any");
      if (!star) continue;
      const known = new Set(listedIn(world.tables[table]!, column).map(accessIdentity));
      const missing = [...data].filter((v) => !known.has(v)).length;
      if (missing > 0) {
        const message = `the star is only the values listed in ${field}; the data has more, which no star shows`;
        out.push({ code: "NARROW_STAR", severity: "warning", about: field, message, count: missing });
      }
    }
    out.push(...compareValues(field, [...listed.values()], data));
  }
  return out;
}

function valuesOfField(app: ReducibleApp, field: number, rules: Rules): Set<Identity> {
  const { graph } = app.forest(rules.loops);
  const out = new Set<Identity>();
  for (const [domain] of graph.ids.get(field)!.ofDomain) {
    const used = new Set<number>();
    for (const t of app.model.tables)
      for (const c of t.columns) if (c.domain === domain) for (const s of c.index) used.add(s);
    for (const s of used) if (s >= 0) out.add(identityOf(app.model.domains[domain]!, s));
  }
  return out;
}

function compareValues(field: string, listed: readonly AccessValue[], data: ReadonlySet<Identity>): Finding[] {
  const texts = [...data].filter((v) => typeof v === "string");
  const byCase = new Set(texts.map(upper));
  const byShape = new Set(texts.map(shapeOf));
  const byText = new Set([...data].map(String));
  const counts = {
    VALUE_CASE: 0,
    VALUE_ALIKE: 0,
    TEXT_NUMBER: 0,
    VALUE_UNMATCHED: 0,
    UPPER_LENGTH: 0,
    BLANK_MATCHES: 0,
  };
  for (const value of listed) {
    if ([...value.text].some((c) => [...c.toUpperCase()].length !== 1)) counts.UPPER_LENGTH++;
    if (data.has(accessIdentity(value))) {
      if (value.text === "") counts.BLANK_MATCHES++;
      continue;
    }
    if (value.text === "") continue;
    if (byText.has(value.text) || (value.number !== undefined && byText.has(String(value.number))))
      counts.TEXT_NUMBER++;
    else if (byCase.has(value.text)) counts.VALUE_CASE++;
    else if (byShape.has(shapeOf(value.text))) counts.VALUE_ALIKE++;
    else counts.VALUE_UNMATCHED++;
  }
  const say: Readonly<Record<keyof typeof counts, readonly [Finding["severity"], string]>> = {
    VALUE_CASE: ["error", "listed values match nothing because the data is not upper case"],
    VALUE_ALIKE: [
      "error",
      "listed values match nothing but look like data: blanks, other Unicode forms or look-alike letters",
    ],
    TEXT_NUMBER: ["error", "a listed value is a number where the data is text, or the reverse: they do not match"],
    VALUE_UNMATCHED: ["info", "listed values are not in the data"],
    UPPER_LENGTH: ["warning", "listed values have letters whose upper case is longer; they are left as they are"],
    BLANK_MATCHES: ["warning", "a blank matches the empty string that the data has: it reduces to those rows"],
  };
  return (Object.keys(counts) as (keyof typeof counts)[])
    .filter((code) => counts[code] > 0)
    .map((code) => ({ code, severity: say[code][0], message: say[code][1], about: field, count: counts[code] }));
}

/** Letters that look alike in Latin, Greek and Cyrillic capitals. */
const ALIKE = "АВЕКМНОРСТХУІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
const LATIN = "ABEKMHOPCTXYISJABEZHIKMNOPTYX";

/** What is left of a text when blanks, case, Unicode form and look-alikes are taken away. */
function shapeOf(text: string): string {
  let out = "";
  for (const c of upper(text.normalize("NFKC")).replaceAll(/[\s\u200b\u00ad\ufeff]/gu, "")) {
    const at = [...ALIKE].indexOf(c);
    out += at < 0 ? c : LATIN[at];
  }
  return out;
}
