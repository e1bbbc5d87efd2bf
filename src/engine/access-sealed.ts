import { needs, quoted } from "../errors.ts";
import type { AccessTable } from "../reduce/access-table.ts";
import type { Manifest, Mask } from "../seal/manifest.ts";
import type { ByteSource } from "../source/source.ts";
import type { Model } from "../table/model.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import type { App } from "./app-view.ts";
import { isSealed, readSealedHead } from "./open-seal-head.ts";
import type { SealedTable } from "./open-sealed.ts";
import { readSealedAppHead } from "./seal-qvf-head.ts";

/** A field that no given key opens, and what stands in its place. */
export interface ShutField {
  readonly name: string;
  readonly mask: Mask;
}

/** The fields of a QVD that stay sealed; none of one without a seal. Throws what `readSealedHead` throws. */
export async function shutInQvd(table: QvdTable | SealedTable): Promise<readonly ShutField[]> {
  if ("stillSealed" in table) return shutIn(table.region.head.manifest, table.stillSealed);
  if (!(await isSealed(table.source, table.header))) return [];
  return shutIn((await readSealedHead(table.source)).region.manifest, undefined);
}

/** The fields of an app, opened over `source`, that stay sealed. Throws what `readSealedAppHead` throws. */
export async function shutInApp(app: Pick<App, "seal">, source: ByteSource): Promise<readonly ShutField[]> {
  if (app.seal === undefined || app.seal.stillSealed.length === 0) return [];
  return shutIn((await readSealedAppHead(source)).manifest, app.seal.stillSealed);
}

function shutIn(manifest: Manifest, names: readonly string[] | undefined): readonly ShutField[] {
  return manifest.items.filter(({ name }) => names === undefined || names.includes(name));
}

/**
 * What stands in the place of a sealed field must not decide who sees what. A reduction field would match nothing, and
 * then an ADMIN, or anybody without strict exclusion, sees all rows; one constant in a field that links tables links
 * each row with every other. NULL links nothing, and equal tokens stand for equal values.
 * @throws `SEAL_NO_IDENTITY`
 */
export function requireOpenFields(model: Model, access: readonly AccessTable[], shut: readonly ShutField[]): void {
  const listed = new Set(access.flatMap((t) => t.fields));
  for (const { name, mask } of shut) {
    const field = model.fields.findIndex((f) => f.name === name);
    const links = model.tables.filter((t) => t.columns.some((c) => c.field === field)).length > 1;
    requireKey(!listed.has(name), name, "section access reduces by it");
    requireKey(!links || mask !== "const", name, "the constant in its place would link every row with every other");
  }
}

function requireKey(may: boolean, name: string, why: string): void {
  needs(may, "SEAL_NO_IDENTITY", `${quoted(name)} is sealed, no given key opens it, and ${why}`, {
    hint: "add --key REF for a slot that has it",
  });
}
