import type { KernelPool } from "../src/kernel/pool.ts";
import { fileSource } from "../src/source/file.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import { type Reduction, reduceQvd } from "../src/table/reduce-table.ts";
import { allowedRegion, plainFileSink, REGION } from "./wide-table.ts";

/**
 * The whole job: file to file, 20 of 200 regions. The memory is that of the job before, wiped, as in an engine that runs
 * on; the output is a new file.
 */
export async function reduceFile(from: string, to: string, pool: KernelPool): Promise<Reduction> {
  const table = await openQvdTable(await fileSource(from));
  const sink = await plainFileSink(to);
  const allowed = [{ ordinal: REGION, allows: allowedRegion }];
  const result = await pool.use((kernel) => reduceQvd(sink, table, { allowed, kernel }));
  await sink.commit();
  await table.close();
  return result;
}

/** Every row as symbol indexes, and every symbol table parsed but not decoded. */
export async function readFile(path: string): Promise<number> {
  const table = await openQvdTable(await fileSource(path));
  for (let ordinal = 0; ordinal < table.fields.length; ordinal++) await table.symbols(ordinal);
  let rows = 0;
  for await (const batch of table.scan()) rows += batch.rows;
  await table.close();
  return rows;
}
