import { openQvf } from "../container/qvf/reader.ts";
import { needs } from "../errors.ts";
import type { KeyHandle } from "../keys/keystore.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { Recipient } from "../seal/recipient.ts";
import type { RegionHead } from "../seal/region.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import type { FileSink } from "../source/file-sink.ts";
import type { ByteSource } from "../source/source.ts";
import { openQvdTable } from "../table/qvd-table.ts";
import { openQvfModel } from "../table/qvf-model.ts";
import { type SymbolTable, symbolText } from "../table/symbols.ts";
import { ACCESS_PATH } from "./app-view.ts";
import { inflateNode } from "./inflate.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { openSealedApp } from "./open-sealed-app.ts";
import type { SealOptions } from "./seal-plan.ts";
import { ORIGINAL_HEADER, sealQvd } from "./seal-qvd.ts";
import { sealApp } from "./seal-qvf.ts";
import { STREAM_ITEMS } from "./seal-qvf-meta.ts";
import { HOLDS_VALUES, isLineage } from "./seal-qvf-streams.ts";

/** Who opens a slot of the new file, where that is not who opens it now. */
export interface ResealPlan {
  readonly slots: readonly { readonly slot: number; readonly recipients: readonly Recipient[] }[];
}

export interface ResealOptions {
  /** Signs the new file. */
  readonly signer?: KeyHandle | undefined;
  /** Who must have signed the old one; with a signer and without this, the signer. */
  readonly signature?: SignaturePolicy | undefined;
}

/**
 * Everything anew from the opened fields: new file id, slot keys and data keys, for the recipients that the plan leaves.
 * What is signed anew must have been signed before: else a signature would be had for whatever lies at the file's place.
 * @throws `SEAL_UNSIGNED` if the file is signed and there is no key to sign, or is not signed by whom it must be;
 *   `SEAL_BAD_SIGNATURE`, `SEAL_DAMAGED` if it is not what was signed; `SEAL_NO_IDENTITY` if not all of it opens
 */
export async function reseal(
  source: ByteSource,
  head: RegionHead,
  find: FindKey,
  plan: ResealPlan,
  options: ResealOptions,
  sink: FileSink,
): Promise<void> {
  const { manifest } = head;
  const { signer } = options;
  const signature = options.signature ?? ownSignature(signer);
  needs(
    manifest.signer === undefined || signer !== undefined,
    "SEAL_UNSIGNED",
    "the file is signed; resealing needs a key to sign the new one",
    { hint: "give it with --sign" },
  );
  const inner = { ...source, close: async () => {} };
  const isApp = manifest.container === "qvf";
  const opened = await (isApp ? openSealedApp : openSealedQvd)(inner, find, { signature });
  try {
    const shut = "seal" in opened ? [...opened.seal!.stillSealed, ...opened.seal!.shut] : opened.stillSealed;
    needs(
      shut.length === 0,
      "SEAL_NO_IDENTITY",
      () => `resealing needs the keys of all slots; "${shut[0]}" stays sealed`,
    );
    const mask = manifest.items.find((item) => isField(head, item.ordinal) && item.mask !== "none")?.mask;
    const kind = mask === undefined || mask === "none" ? undefined : mask;
    const constText = kind === "const" ? await constTextOf(inner, head) : undefined;
    const same = { ...sameOptions(head, plan), mask: kind, constText, signer };
    if ("seal" in opened) await sealApp(opened, sink, { ...same, tokenKey: opened.seal!.tokenKey });
    else await sealQvd(opened, sink, { ...same, tokenKey: opened.tokenKey });
  } finally {
    await opened.close();
  }
}

function ownSignature(signer: KeyHandle | undefined): SignaturePolicy | undefined {
  const certificate = signer?.info.certificate;
  return certificate && { trusted: [certificate] };
}

function isField({ manifest }: RegionHead, ordinal: number): boolean {
  return manifest.container === "qvf" ? ordinal < STREAM_ITEMS : ordinal !== ORIGINAL_HEADER;
}

/** A bookmark or snapshot, that is: of objects no others are sealed. */
function isUsersObject({ manifest }: RegionHead, name: string): boolean {
  const isStream = manifest.items.some((item) => item.name === name && item.ordinal >= STREAM_ITEMS);
  return isStream && !isLineage(name) && !HOLDS_VALUES.test(name) && !name.startsWith("qvapp_");
}

/** What the file was sealed with, as far as it still says so. */
function sameOptions(head: RegionHead, plan: ResealPlan): SealOptions {
  const { manifest, entries } = head;
  const isApp = manifest.container === "qvf";
  const sealed = new Set(manifest.items.map((item) => item.name));
  return {
    mode: manifest.mode,
    ...(isApp && {
      sectionAccess: sealed.has(ACCESS_PATH),
      bookmarks: [...sealed].some((name) => isUsersObject(head, name)),
      keepLineage: ![...sealed].some(isLineage),
    }),
    slots: entries.map((entry) => ({
      name: manifest.slots[entry.slot]!,
      recipients: plan.slots.find((s) => s.slot === entry.slot)?.recipients ?? entry.recipients,
      fields: manifest.items
        .filter((item, i) => isField(head, item.ordinal) && entry.deks.has(i))
        .map((item) => item.name),
    })),
  };
}

/** The text of mask `const`, from what a plain reader sees. */
async function constTextOf(source: ByteSource, head: RegionHead): Promise<string | undefined> {
  const { ordinal } = head.manifest.items.find((item) => item.mask === "const")!;
  let symbols: SymbolTable;
  if (head.manifest.container === "qvf") {
    const model = await openQvfModel(await openQvf(source), { inflate: inflateNode });
    symbols = await model.fields[ordinal]!.symbols();
  } else symbols = await (await openQvdTable(source)).symbols(ordinal);
  return symbolText(symbols, 0);
}
