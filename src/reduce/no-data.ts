import type { Model } from "../table/model.ts";
import { EMPTY_SYMBOLS } from "../table/symbols.ts";

/**
 * The app opened without data: tables and fields are there so that the script can be worked on, and not one value or
 * count. Section access is not asked, since there is nothing to reduce (R9).
 */
export function withoutData(model: Model): Model {
  const none = new Int32Array(0);
  return {
    fields: model.fields.map((f) => ({ ...f, tags: [] })),
    domains: model.domains.map(() => EMPTY_SYMBOLS),
    tables: model.tables.map((t) => ({ ...t, rows: 0, columns: t.columns.map((c) => ({ ...c, index: none })) })),
  };
}
