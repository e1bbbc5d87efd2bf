import { fieldNamed } from "../table/model.ts";
import type { Forest } from "../table/model-forest.ts";
import { upper } from "./access-table.ts";
import type { ReducibleApp } from "./admit.ts";
import type { Finding } from "./finding.ts";
import { type AccessWorld, listedIn } from "./grants.ts";
import type { Rules } from "./rules.ts";

/** Findings about the shape of the app: what no reduction reaches, and what OMIT would break. */
export function lintModel(app: ReducibleApp, world: AccessWorld, rules: Rules): Finding[] {
  const forest = app.forest(rules.loops);
  const { graph } = forest;
  const reducing = world.columns.map((c) => fieldNamed(app.model, c.field)).filter((f) => f >= 0);
  const reached = reachedBy(forest, reducing);
  const out: Finding[] = [];
  forest.components.forEach((component, c) => {
    if (reached.has(c)) return;
    for (const step of component.order) {
      if (step.kind !== "table" || graph.tables[step.table]!.table < 0) continue;
      const message = "no reduction field is associated with this table: everybody sees all its rows";
      out.push({ code: "UNREDUCED_TABLE", severity: "warning", about: graph.tables[step.table]!.name, message });
    }
  });
  graph.tables.forEach((t, i) => {
    if (!forest.loose[i] || t.table < 0) return;
    const message = "the table is loosely coupled: no reduction passes through it";
    out.push({ code: "LOOSE_TABLE", severity: "warning", about: t.name, message });
  });
  return [...out, ...lintOmit(app, world, new Set(reducing))];
}

/** Components in which rows can be lost: those of the fields, and those whose synthetic key a loose table takes there. */
function reachedBy(forest: Forest, fields: readonly number[]): ReadonlySet<number> {
  const { graph, componentOfNode } = forest;
  const nodes = new Set(fields.map((f) => graph.nodeOfField[f]!));
  // Nodes of loose tables alone are in no component.
  const components = () => new Set([...nodes].map((node) => componentOfNode[node]!).filter((c) => c >= 0));
  const made = graph.tables.filter((t, i) => forest.loose[i] && t.numbers >= 0);
  for (let size = -1; size !== nodes.size; ) {
    size = nodes.size;
    const reached = components();
    const isReached = (node: number): boolean => nodes.has(node) || reached.has(componentOfNode[node]!);
    for (const { keys, numbers } of made) if (keys.some((key) => isReached(key.node))) nodes.add(numbers);
  }
  return components();
}

function lintOmit(app: ReducibleApp, world: AccessWorld, reducing: ReadonlySet<number>): Finding[] {
  const out: Finding[] = [];
  const names = new Set<string>();
  for (const t of world.tables) {
    const column = t.fields.indexOf("OMIT");
    if (column >= 0) for (const v of listedIn(t, column)) if (v.text !== "") names.add(v.text);
  }
  for (const name of names) {
    const fields = app.model.fields.map((f, i) => ({ f, i })).filter(({ f }) => upper(f.name) === upper(name));
    if (fields.length === 0) {
      const message =
        "OMIT names a field that the app does not have: probably misspelt, and then the real one is shown";
      out.push({ code: "OMIT_UNKNOWN", severity: "warning", about: name, message });
    }
    for (const { f, i } of fields) {
      const tables = app.model.tables.filter((t) => t.columns.some((c) => c.field === i)).length;
      if (tables > 1) {
        const message = "OMIT of a field that links tables: its users lose the association with it";
        out.push({ code: "OMIT_KEY", severity: "error", about: f.name, message });
      }
      if (reducing.has(i)) {
        const message = "OMIT of a reduction field: rows are reduced by it all the same";
        out.push({ code: "OMIT_REDUCING", severity: "info", about: f.name, message });
      }
    }
  }
  return out;
}
