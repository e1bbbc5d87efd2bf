import { randomBytes } from "node:crypto";
import { needs } from "../errors.ts";
import type { KeyHandle } from "../keys/keystore.ts";
import { isSlotName } from "../seal/manifest.ts";
import type { WebCryptoProvider } from "../seal/provider.ts";
import type { Recipient } from "../seal/recipient.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import { ordinalsOf } from "../table/scan-plan.ts";
import { constMask, type MaskedColumn, nullMask, tokenMask } from "./seal-mask.ts";

export type MaskKind = "null" | "const" | "token";

/** An audience: who opens it, and which fields. */
export interface SlotRequest {
  readonly name: string;
  readonly recipients: readonly Recipient[];
  /** Field names. In closed mode, fields that no slot names go to the first. */
  readonly fields: readonly string[];
}

export interface SealOptions {
  readonly slots: readonly SlotRequest[];
  /** `open` (the default): plain readers see all fields, sealed ones masked. `closed`: they see an empty table. */
  readonly mode?: "open" | "closed" | undefined;
  /** Default `null`. */
  readonly mask?: MaskKind | undefined;
  /** The text of mask `const`; default `sealed`. */
  readonly constText?: string | undefined;
  /** 32 bytes for mask `token`; the same key in several files makes their tokens join. Fresh for each file by default. */
  readonly tokenKey?: Uint8Array | undefined;
  /** Lineage and table comment often quote values: they are sealed along unless this is set. */
  readonly keepLineage?: boolean | undefined;
  readonly keepComment?: boolean | undefined;
  /** Of an app: seal its section access tables, or its bookmarks, for every slot. */
  readonly sectionAccess?: boolean | undefined;
  readonly bookmarks?: boolean | undefined;
  readonly signer?: KeyHandle | undefined;
  readonly provider?: WebCryptoProvider | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/** One sealed field: its slots, and what stands in its place. */
export interface SealedField {
  readonly ordinal: number;
  readonly slots: readonly number[];
  readonly mask: MaskedColumn;
  readonly maskKind: MaskKind | "none";
  readonly tokenKey: Uint8Array | undefined;
  /** Bytes of one index in the sealed part, 0 to 4. */
  readonly indexBytes: number;
}

/**
 * Which fields are sealed for whom.
 * @throws `TABLE_NO_FIELD`, `USAGE`
 */
export async function planSeal(table: QvdTable, options: SealOptions): Promise<readonly SealedField[]> {
  checkSlots(options);
  const onlyApps = options.sectionAccess !== true && options.bookmarks !== true;
  needs(onlyApps, "USAGE", "a data file has no section access and no bookmarks; only apps have");
  const { tokenKey } = options;
  const slotsOf = new Map<number, number[]>();
  for (const [slot, request] of options.slots.entries()) {
    for (const ordinal of ordinalsOf(table.fields, request.fields))
      slotsOf.set(ordinal, [...(slotsOf.get(ordinal) ?? []), slot]);
  }
  const closed = options.mode === "closed";
  if (closed) for (const ordinal of table.fields.keys()) if (!slotsOf.has(ordinal)) slotsOf.set(ordinal, [0]);
  needs(slotsOf.size > 0, "USAGE", "no field is named to be sealed", { hint: "name them with --fields a,b" });
  const key = options.mask === "token" && !closed ? (tokenKey ?? new Uint8Array(randomBytes(32))) : undefined;
  const fields: SealedField[] = [];
  for (const [ordinal, slots] of [...slotsOf].sort((a, b) => a[0] - b[0])) {
    const kind = options.mask ?? "null";
    const mask =
      closed || kind === "null"
        ? nullMask()
        : kind === "const"
          ? constMask(options.constText ?? "sealed")
          : tokenMask(await table.symbols(ordinal), key!);
    fields.push({
      ordinal,
      slots: [...new Set(slots)],
      mask,
      maskKind: closed ? "none" : kind,
      tokenKey: key,
      indexBytes: indexBytesOf(table, ordinal),
    });
  }
  return fields;
}

/** @throws `USAGE` if slots or token key are not of the form they must have */
export function checkSlots({ slots, tokenKey }: Pick<SealOptions, "slots" | "tokenKey">): void {
  const names = slots.map((s) => s.name);
  needs(
    names.length > 0 && new Set(names).size === names.length,
    "USAGE",
    "slots must be there and have different names",
  );
  for (const name of names)
    needs(isSlotName(name), "USAGE", `slot name "${name}" is not 1 to 64 letters, digits, - _ .`);
  needs(tokenKey === undefined || tokenKey.byteLength === 32, "USAGE", "a token key has 32 bytes");
}

/** Whole bytes that the raw index of a field needs; none if it is the same in every row. */
function indexBytesOf(table: QvdTable, ordinal: number): number {
  const { bitWidth, noOfSymbols, bias } = table.header.fields[ordinal]!;
  if (bitWidth === 0) return 0;
  const values = Math.max(2, noOfSymbols - bias);
  return Math.ceil(Math.min(bitWidth, 32 - Math.clz32(values - 1)) / 8);
}
