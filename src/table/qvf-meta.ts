import type { SymbolTable } from "./symbols.ts";

/** What `qvapp_meta` says of a field. Qlik's hash of the column is left out: it lets a reader confirm a guess. */
interface MetaField {
  readonly qname: string;
  readonly qsrc_tables: readonly string[];
  readonly qis_system?: true;
  readonly qis_hidden?: true;
  readonly qdistinct_only?: true;
  readonly qcardinal: number;
  readonly qtotal_count: number;
  readonly qis_numeric?: true;
  readonly qtags: readonly string[];
  readonly qbyte_size: number;
}

interface MetaTable {
  readonly qname: string;
  readonly qis_system?: true;
  readonly qno_of_rows: number;
  readonly qno_of_fields: number;
  readonly qno_of_key_fields: number;
  readonly qbyte_size: number;
}

/** A field of the written model, as far as its metadata tell. */
export interface FieldFacts {
  readonly name: string;
  readonly tags: readonly string[];
  readonly symbols: SymbolTable;
  /** Symbols that are text only. */
  readonly texts: number;
  readonly isSynthetic: boolean;
}

export interface TableFacts {
  readonly name: string;
  readonly rows: number;
  /** Numbers of its fields, those in synthetic keys among them. */
  readonly fields: readonly number[];
  /** Numbers of the fields that are stored with it: a synthetic key instead of the fields it is made of. */
  readonly stored: readonly number[];
  /** Size of the stream's rows before compression. */
  readonly bytes: number;
  readonly isSystem: boolean;
  readonly isSynthetic: boolean;
}

/**
 * `qvapp_meta` for a model. Of `before`, the document of the app that is edited, `qreload_meta` and `qusage` are kept:
 * they tell of the reload, not of the data. Byte sizes are those of this writer, Qlik's own are counted otherwise.
 */
export function metaDocument(
  fields: readonly FieldFacts[],
  tables: readonly TableFacts[],
  hasSectionAccess: boolean,
  before: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const real = tables.filter((table) => !table.isSynthetic);
  const users = fields.map((): TableFacts[] => []);
  const owners = fields.map(() => 0);
  for (const table of real) for (const field of table.fields) users[field]!.push(table);
  for (const table of tables) for (const field of table.stored) owners[field]! += 1;
  const qfields = fields.flatMap((field, number): MetaField[] => {
    if (field.isSynthetic) return [];
    const inTables = users[number]!;
    const isSystem = inTables.length > 0 && inTables.every((table) => table.isSystem);
    const isKey = inTables.length > 1;
    const only = inTables[0];
    return [
      {
        qname: field.name,
        qsrc_tables: isSystem ? [] : inTables.map((table) => table.name),
        ...(isSystem && { qis_system: true, qis_hidden: true }),
        ...(isKey && !isSystem && { qdistinct_only: true }),
        qcardinal: field.symbols.count,
        qtotal_count: isKey && !isSystem ? 0 : (only?.rows ?? 0),
        ...(field.symbols.count > 0 && field.texts === 0 && { qis_numeric: true }),
        qtags: isKey && !field.tags.includes("$key") ? [...field.tags, "$key"] : field.tags,
        qbyte_size: field.symbols.bytes.byteLength,
      },
    ];
  });
  const qtables = real.map((table): MetaTable => {
    return {
      qname: table.name,
      ...(table.isSystem && { qis_system: true }),
      qno_of_rows: table.rows,
      qno_of_fields: table.stored.length,
      qno_of_key_fields: table.stored.filter((field) => owners[field]! > 1).length,
      qbyte_size: table.bytes,
    };
  });
  const size = (sum: number, entry: { readonly qbyte_size: number }) => sum + entry.qbyte_size;
  return {
    qreload_meta: before.qreload_meta ?? { qcpu_time_spent_ms: 0, qhardware: {}, qpeak_memory_bytes: 0 },
    qstatic_byte_size: qfields.reduce(size, 0) + qtables.reduce(size, 0),
    qfields,
    qtables,
    ...(hasSectionAccess && { qhas_section_access: true }),
    ...(before.qusage !== undefined && { qusage: before.qusage }),
  };
}
