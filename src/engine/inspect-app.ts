import { isQErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import { checkReadable, readOutline } from "../table/qvf-model.ts";
import type { AppObject, ObjectKind } from "./app-objects.ts";
import { type App, SCRIPT_PATH } from "./app-view.ts";
import { isAdminMadeApp, type OpenAppOptions, openQvfApp, saysItHasAccess } from "./qvf-app.ts";
import { inspectSealed, type SealReport } from "./seal-report.ts";

/** What `qvault inspect --json` prints of an app. */
export interface AppInspection {
  readonly schemaVersion: 1;
  readonly file: string;
  readonly container: "qvf";
  /** Size of the file. */
  readonly bytes: number;
  /** Empty if the app does not say. */
  readonly title: string;
  readonly savedInVersion: string;
  readonly lastReload: string;
  /** True if Qlik encrypted the data: then tables and fields are not listed. */
  readonly encryptedByQlik: boolean;
  readonly hasScript: boolean;
  readonly hasSectionAccess: boolean;
  /** Set if the app says that it has section access and the file holds none. */
  readonly lostSectionAccess?: true;
  /** There if the app was made of tables whose section access was not applied. */
  readonly asAdmin?: true;
  /** Names of all fields. */
  readonly fields: readonly string[];
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    readonly fields: readonly string[];
    readonly kind: "table" | "system" | "synthetic";
  }[];
  /** How many there are of each kind. */
  readonly objectCounts: Readonly<Partial<Record<ObjectKind, number>>>;
  readonly objects: readonly AppObject[];
  /** What a sealed app says of its slots and fields; nothing of it is proved without a key. */
  readonly seal?: SealReport | undefined;
}

/**
 * Reads directory, model header, table heads and app properties; no data are inflated, whatever the file's size. A sealed
 * app shows with keys what they open, else what a plain reader sees.
 */
export async function inspectApp(source: ByteSource, options: OpenAppOptions = {}): Promise<AppInspection> {
  const app = await openQvfApp({ ...source, close: async () => {} }, options);
  try {
    return await inspectOpen(app, source);
  } finally {
    // Overwrites the keys of a sealed app; the source stays the caller's.
    await app.close();
  }
}

async function inspectOpen(app: App, source: ByteSource): Promise<AppInspection> {
  const { container, objects } = app;
  const properties = await app.properties();
  const text = (name: string) => (typeof properties[name] === "string" ? properties[name] : "");
  const encryptedByQlik = app.seal === undefined && (await isEncrypted(() => checkReadable(container)));
  const outline = encryptedByQlik ? undefined : await readOutline(container);
  const fields = outline?.header.fields ?? [];
  const objectCounts: Partial<Record<ObjectKind, number>> = {};
  for (const { kind } of objects) objectCounts[kind] = (objectCounts[kind] ?? 0) + 1;
  return {
    schemaVersion: 1,
    file: source.name,
    container: "qvf",
    bytes: source.size,
    title: text("qTitle"),
    savedInVersion: text("qSavedInProductVersion"),
    lastReload: text("qLastReloadTime"),
    encryptedByQlik,
    hasScript: container.entry(SCRIPT_PATH) !== undefined,
    hasSectionAccess: outline?.hasSectionAccess ?? false,
    ...(outline?.hasSectionAccess === false && saysItHasAccess(properties) && { lostSectionAccess: true as const }),
    ...((await isAdminMadeApp(app)) && { asAdmin: true as const }),
    fields,
    tables: (outline?.tables ?? []).map((head) => ({
      name: head.name,
      rows: head.rows,
      fields: head.columns.map((column) => fields[column.field] ?? `field ${column.field}`),
      kind: head.synthetic === 1 ? "synthetic" : head.name.startsWith("$$SysTable ") ? "system" : "table",
    })),
    objectCounts,
    objects,
    ...(app.seal && { seal: await inspectSealed(source) }),
  };
}

async function isEncrypted(check: () => Promise<void>): Promise<boolean> {
  try {
    await check();
    return false;
  } catch (error) {
    if (isQErr(error) && error.code === "QVF_ENCRYPTED") return true;
    throw error;
  }
}
