import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs } from "../errors.ts";
import { MAX_ASSOCIATIONS, MAX_DRAWN_TABLES } from "../limits.ts";
import { graphSvg } from "../output/graph-svg.ts";
import type { ByteSink } from "../source/sink.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { AppInspection } from "./inspect-app.ts";

/** A table in the association graph. */
export interface GraphTable {
  readonly name: string;
  readonly rows: number;
  readonly fieldCount: number;
  /** Fields that other tables have, too. */
  readonly keys: readonly string[];
  readonly isSynthetic: boolean;
}

/** Two tables with fields in common. */
export interface GraphEdge {
  /** Ordinals of the tables. */
  readonly from: number;
  readonly to: number;
  readonly fields: readonly string[];
}

export interface AssociationGraph {
  /** What the reader has to know of the counts: of an app with section access they are those of the whole app. */
  readonly note?: string;
  readonly tables: readonly GraphTable[];
  readonly edges: readonly GraphEdge[];
}

/**
 * The tables of an app, without Qlik's system tables, and how they are associated: by fields of the same name.
 * @throws `LIMIT_EXCEEDED` over `MAX_ASSOCIATIONS`
 */
export function associationGraph(
  app: Pick<AppInspection, "tables" | "hasSectionAccess" | "asAdmin">,
): AssociationGraph {
  const tables = app.tables.filter((table) => table.kind !== "system");
  const users = new Map<string, number[]>();
  tables.forEach((table, t) => {
    for (const field of table.fields) {
      const ordinals = users.get(field);
      if (ordinals === undefined) users.set(field, [t]);
      else ordinals.push(t);
    }
  });
  let pairs = 0;
  for (const { length } of users.values()) pairs += (length * (length - 1)) / 2;
  needs(pairs <= MAX_ASSOCIATIONS, "LIMIT_EXCEEDED", `${pairs} associations, at most ${MAX_ASSOCIATIONS} are listed`);
  const edges = new Map<string, GraphEdge & { readonly fields: string[] }>();
  for (const [field, ordinals] of users) {
    ordinals.forEach((from, i) => {
      for (const to of ordinals.slice(i + 1)) {
        const key = `${from} ${to}`;
        const edge = edges.get(key);
        if (edge === undefined) edges.set(key, { from, to, fields: [field] });
        else edge.fields.push(field);
      }
    });
  }
  const note = app.asAdmin
    ? AS_ADMIN_NOTE
    : app.hasSectionAccess
      ? "rows are counted before section access"
      : undefined;
  return {
    ...(note !== undefined && { note }),
    tables: tables.map(({ name, rows, fields, kind }) => ({
      name,
      rows,
      fieldCount: fields.length,
      keys: fields.filter((field) => users.get(field)!.length > 1),
      isSynthetic: kind === "synthetic",
    })),
    edges: [...edges.values()],
  };
}

/** Key fields named in a box; the rest are counted. */
const KEYS_SHOWN = 8;

/**
 * Draws the graph as SVG. The caller commits or aborts the sink.
 * @throws `LIMIT_EXCEEDED` over `MAX_DRAWN_TABLES`
 */
export async function drawGraph({ tables, edges, note }: AssociationGraph, sink: ByteSink): Promise<void> {
  const few = tables.length <= MAX_DRAWN_TABLES;
  needs(few, "LIMIT_EXCEEDED", `${tables.length} tables, at most ${MAX_DRAWN_TABLES} are drawn`, {
    hint: "--json has them all",
  });
  const boxes = tables.map((table) => {
    const more = table.keys.length - KEYS_SHOWN;
    const keys = [...table.keys.slice(0, KEYS_SHOWN), ...(more > 0 ? [`and ${more} more keys`] : [])];
    return { title: table.name, lines: [`${table.rows} rows, ${table.fieldCount} fields`, ...keys] };
  });
  const links = edges.map(({ from, to, fields }) => ({ from, to, label: fields.join(", ") }));
  await sink.write(encodeUtf8(graphSvg({ boxes, links, note })));
}
