import type { ByteSource } from "../source/source.ts";
import { type DigestOptions, digestTable, type TableDigest } from "./digest.ts";
import { containerOf, type OpenOptions, openPlainOrSealed } from "./open.ts";
import { type App, openQvfApp, scriptDigest } from "./qvf-app.ts";

/** {@link TableDigest} of a table in an app: a synthetic key has no digest, as its values are not stored. */
export interface AppTableDigest extends Omit<TableDigest, "columns"> {
  readonly columns: readonly { readonly name: string; readonly sha256: string | null }[];
}

export interface AppDigest {
  /** All tables in the order of the file, Qlik's system tables among them. */
  readonly tables: readonly AppTableDigest[];
  readonly sectionAccess: readonly AppTableDigest[];
  /** SHA-256 of the script's UTF-8, null if the app has none. */
  readonly scriptSha256: string | null;
}

/**
 * The content of an app, whatever its layout. Every cell is read, section access or not.
 * @throws what reading the tables and the script throws
 */
export async function digestApp(app: App, options: DigestOptions = {}): Promise<AppDigest> {
  const model = await app.model();
  const keys = new Set(model.header.syntheticKeys.map((key) => key.name));
  const withoutKeys = (digest: TableDigest): AppTableDigest => ({
    ...digest,
    columns: digest.columns.map(({ name, sha256 }) => ({ name, sha256: keys.has(name) ? null : sha256 })),
  });
  const tables: AppTableDigest[] = [];
  for (const table of model.tables) tables.push(withoutKeys(await digestTable(table, options)));
  const sectionAccess: AppTableDigest[] = [];
  for (const table of model.sectionAccess) sectionAccess.push(await digestTable(table, options));
  return { tables, sectionAccess, scriptSha256: await scriptDigest(app) };
}

/** The digest of a file: an {@link AppDigest}, or only `tables` with the one table of a QVD. */
export type FileDigest = Pick<AppDigest, "tables"> & Partial<AppDigest>;

/**
 * The content of a QVD or QVF. The caller closes the source.
 * @throws `CONTAINER_UNKNOWN`, and what reading throws
 */
export async function digestFile(
  source: ByteSource,
  options: DigestOptions & Pick<OpenOptions, "lenient" | "find" | "signature"> = {},
): Promise<FileDigest> {
  if ((await containerOf(source)) === "qvf") {
    const { find, signature } = options;
    const app = await openQvfApp({ ...source, close: async () => {} }, { find, signature });
    try {
      return await digestApp(app, options);
    } finally {
      await app.close();
    }
  }
  const table = await openPlainOrSealed({ ...source, close: async () => {} }, options);
  try {
    return { tables: [await digestTable(table, options)] };
  } finally {
    // Overwrites the keys of a sealed file; the source stays the caller's.
    await table.close();
  }
}
