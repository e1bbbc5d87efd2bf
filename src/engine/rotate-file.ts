import { realpath } from "node:fs/promises";
import { needs, QErr } from "../errors.ts";
import type { KeyHandle, KeyRef } from "../keys/keystore.ts";
import { matches } from "../keys/thumbprint.ts";
import { authenticate, type FindKey } from "../seal/authenticate.ts";
import type { Recipient } from "../seal/recipient.ts";
import type { RegionHead } from "../seal/region.ts";
import { planSlot, type RewrapOptions, type RewrapPlan, rewrapHead } from "../seal/rewrap.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import type { SlotEntry } from "../seal/slot-entry.ts";
import { fileSource } from "../source/file.ts";
import { type FileSink, fileSink } from "../source/file-sink.ts";
import type { ByteSource } from "../source/source.ts";
import { needsUnchanged, stateOf } from "./file-state.ts";
import { reseal } from "./reseal.ts";
import { lockForRotation } from "./rotate-lock.ts";
import { readSealHead } from "./seal-head.ts";

export interface RotateOptions {
  /** The certificate or key that is to go, or beside which another is to come. Without it every slot that opens is meant. */
  readonly from?: KeyRef | undefined;
  /** Who gets access. */
  readonly to: readonly Recipient[];
  /** Keep `from`: the first of the two phases of changing a key under readers. */
  readonly add?: boolean | undefined;
  /** New slot keys; data keys and data stay. */
  readonly rekey?: boolean | undefined;
  /** New data keys and a new file: the only thing that shuts out somebody who has the old keys. */
  readonly reseal?: boolean | undefined;
  /** Signs the new file, where `reseal` makes one. */
  readonly signer?: KeyHandle | undefined;
  /** Who must have signed a file that is resealed; if left out and there is a signer, he. */
  readonly signature?: SignaturePolicy | undefined;
  /** Keys of new recipients: each slot of the new file must open with one before it takes the old one's place. */
  readonly confirm?: FindKey | undefined;
}

/** What would be done to a file, known without any key. */
export interface FilePlan {
  readonly file: string;
  readonly fileId: string;
  /** `none`: nothing in the file is concerned, or it is as wanted already. */
  readonly action: "rewrap" | "rekey" | "reseal" | "none";
  readonly slots: readonly (RewrapPlan & { readonly name: string; readonly left: number })[];
  /** Slots that a single recipient could open afterwards: if that key is lost, so are the data. */
  readonly single: readonly string[];
}

/** Plans one file. Errors as `readSealHead`; `USAGE` if a slot would be left without anybody. */
export async function planFile(file: string, options: RotateOptions): Promise<FilePlan> {
  const source = await fileSource(file);
  try {
    return planRegion(file, await readSealHead(source), options);
  } finally {
    await source.close();
  }
}

/** Plans a file whose head was read. Errors as {@link planFile}, but for reading. */
export function planRegion(file: string, head: RegionHead, options: RotateOptions): FilePlan {
  const slots = head.entries
    .filter((entry) => options.from === undefined || entry.recipients.some((r) => matches(r, options.from!)))
    .map((entry) => {
      const plan = planSlot(entry, changesOf(entry, options));
      return { ...plan, name: head.manifest.slots[entry.slot]!, left: plan.recipients.length };
    });
  const changed = slots.some((s) => s.added.length > 0 || s.removed.length > 0);
  const verb = options.reseal ? "reseal" : options.rekey ? "rekey" : "rewrap";
  return {
    file,
    fileId: Buffer.from(head.manifest.fileId).toString("hex"),
    action: slots.length === 0 || (verb === "rewrap" && !changed) ? "none" : verb,
    slots,
    single: slots.filter((s) => s.left === 1).map((s) => s.name),
  };
}

function changesOf(entry: SlotEntry, options: RotateOptions): RewrapOptions {
  const { from, to, add, rekey } = options;
  const leaving =
    from !== undefined && !add ? entry.recipients.filter((r) => matches(r, from)).map((r) => r.spkiS256) : [];
  const staying = new Set(to.map((r) => r.spkiS256));
  // A renewed certificate around the same key stays a recipient; it need not leave to come.
  return { add: to, remove: leaving.filter((id) => !staying.has(id)), rekey };
}

/**
 * Rotates one file: reads it, opens the slots concerned (one private-key operation each), writes the new file beside
 * it, checks what was written, and renames. Whatever happens, the name shows the old file or the new one, whole. Of a
 * symbolic link the file behind it is rotated.
 * @returns the plan that was carried out
 * @throws `SINK_WRITE` with the original untouched; `SOURCE_CHANGED` if somebody wrote to the file meanwhile, whose work
 *   stays; what reading and opening throw
 */
export async function rotateFile(name: string, find: FindKey, options: RotateOptions): Promise<FilePlan> {
  // Else the link would become a file, and the one behind it would keep the old key.
  const file = await realpath(name).catch(() => name);
  const lock = await lockForRotation(file);
  try {
    const read = await stateOf(file);
    const source = await fileSource(file);
    try {
      const head = await readSealHead(source);
      const plan = planRegion(name, head, options);
      if (plan.action === "none") return plan;
      const sink = await fileSink(file, {
        force: true,
        temporary: lock.temporary,
        beforeReplace: () => needsUnchanged(file, read),
      });
      try {
        if (plan.action === "reseal") await reseal(source, head, find, plan, options, sink);
        else await rewrap(source, head, find, plan, options, sink);
        await confirm(sink, plan, options);
        await sink.commit();
      } catch (error) {
        await sink.abort();
        throw error;
      }
      return plan;
    } finally {
      await source.close();
    }
  } finally {
    await lock.release();
  }
}

const COPY_BYTES = 1024 * 1024;

async function rewrap(
  source: ByteSource,
  head: RegionHead,
  find: FindKey,
  plan: FilePlan,
  options: RotateOptions,
  sink: FileSink,
): Promise<void> {
  const names = plan.slots.map((s) => s.name);
  const region = await authenticate(head, find, { slots: names });
  try {
    const missing = names.filter((name) => !region.slots.some((s) => head.manifest.slots[s.slot] === name));
    needs(missing.length === 0, "SEAL_NO_IDENTITY", `slot "${missing[0]}" does not open with the given keys`);
    const first = plan.slots[0]!;
    const { from, to, add, rekey } = options;
    const remove =
      from === undefined || add ? [] : [...new Set(plan.slots.flatMap((s) => s.removed.map((r) => r.spkiS256)))];
    const bytes = await rewrapHead(region, { add: to, remove, rekey });
    needs(
      bytes.byteLength === head.headLength && first !== undefined,
      "SEAL_KEYS_FULL",
      "the new keys do not fit the old head",
    );
    await copyRange(source, sink, 0, head.offset);
    await sink.write(bytes);
    await copyRange(source, sink, head.offset + head.headLength, source.size);
  } finally {
    region.wipe();
  }
}

async function copyRange(source: ByteSource, sink: FileSink, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += COPY_BYTES) await sink.write(await source.read(at, Math.min(COPY_BYTES, to - at)));
}

/** Reads back what was written, before it takes the place of the original. */
async function confirm(sink: FileSink, plan: FilePlan, options: RotateOptions): Promise<void> {
  const written = await fileSource(sink.temporary);
  try {
    const region = await readSealHead(written);
    const after = region.entries.filter((e) => plan.slots.some((s) => s.slot === e.slot));
    const fits = after.every((entry) => {
      const wanted = plan.slots.find((s) => s.slot === entry.slot)!.recipients;
      return (
        wanted.length === entry.recipients.length &&
        wanted.every((r) => entry.recipients.some((e) => e.spkiS256 === r.spkiS256))
      );
    });
    needs(fits, "SINK_WRITE", "what was written is not what was to be written");
    if (options.confirm === undefined) return;
    const slots = plan.slots.map((s) => s.name);
    const opened = await authenticate(region, options.confirm, { slots });
    opened.wipe();
    const closed = plan.slots.find((s) => !opened.slots.some((o) => o.slot === s.slot));
    needs(
      closed === undefined,
      "SEAL_NO_IDENTITY",
      `the new file's slot "${closed?.name}" does not open with the keys to confirm with, so the old file stays`,
    );
  } catch (cause) {
    throw cause instanceof QErr && cause.errorClass !== "damaged"
      ? cause
      : new QErr("SINK_WRITE", "the new file does not open, so the old one stays", { cause });
  } finally {
    await written.close();
  }
}
