import { openSealedQvd, type SealedTable } from "../../src/engine/open-sealed.ts";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { sealQvd } from "../../src/engine/seal-qvd.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { tableBuilder } from "../../src/table/builder.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable, type QvdTable } from "../../src/table/qvd-table.ts";
import { rewriteQvd, writeQvd } from "../../src/table/qvd-write.ts";

/** Seals a QVD in memory. */
export async function sealBytes(qvd: Uint8Array, options: SealOptions): Promise<Uint8Array> {
  const table = await openQvdTable(memorySource(qvd));
  const sink = memorySink();
  await sealQvd(table, sink, options);
  await sink.commit();
  return sink.result();
}

export async function openBytes(
  sealed: Uint8Array,
  find: FindKey,
  options: Parameters<typeof openSealedQvd>[2] = {},
): Promise<SealedTable> {
  return openSealedQvd(memorySource(sealed), find, options);
}

/** The bytes of the file that an opened table stands for. */
export async function decryptedBytes(table: QvdTable): Promise<Uint8Array> {
  const sink = memorySink();
  await rewriteQvd(sink, table);
  await sink.commit();
  return sink.result();
}

export type Rows = Readonly<Record<string, readonly Cell[]>>;

/** A plain QVD with these columns. */
export async function plainQvd(
  columns: Rows,
  more: {
    readonly name?: string;
    readonly comment?: string;
    readonly lineage?: readonly { readonly discriminator: string; readonly statement: string }[];
  } = {},
): Promise<Uint8Array> {
  const builder = tableBuilder(Object.keys(columns).map((name) => ({ name })));
  await builder.add(Object.values(columns));
  const built = builder.finish();
  const sink = memorySink();
  await writeQvd(sink, { name: "people", ...more, columns: built.columns, rows: built.rows, batches: built.batches() });
  await sink.commit();
  return sink.result();
}
