import { readHeader } from "../container/qvd/open.ts";
import { openQvf } from "../container/qvf/reader.ts";
import { sniff } from "../container/sniff.ts";
import { isQErr, QErr } from "../errors.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import type { ByteSource } from "../source/source.ts";
import { type Verification, type VerifyOptions, verifyQvd } from "../table/qvd-verify.ts";
import { verifyQvf } from "../table/qvf-verify.ts";
import { inflateNode } from "./inflate.ts";
import { isSealed } from "./open-seal-head.ts";
import { requireUnmarked, sealsApp } from "./seal-qvf-head.ts";
import { verifySealed } from "./seal-verify.ts";

export type { Finding, Verification } from "../table/qvd-verify.ts";

export interface SealedVerifyOptions extends VerifyOptions {
  /** Keys for a sealed file: with them every byte is authenticated. */
  readonly find?: FindKey | undefined;
  readonly signature?: SignaturePolicy | undefined;
}

/** What a check of a sealed file leaves open is said as well. */
export interface SealedVerification extends Verification {
  readonly notProved?: readonly string[] | undefined;
}

/**
 * Checks the structure of a container. Damage is a finding, not an error.
 * @throws `SOURCE_…`, `CONTAINER_UNKNOWN`, `CANCELLED`; of sealed files, what is wrong with the keys
 */
export async function verify(source: ByteSource, options: SealedVerifyOptions = {}): Promise<SealedVerification> {
  if ((await sniff(source)) === "qvf") return verifyApp(source, options);
  const header = await readHeader(source, options).catch(() => undefined);
  // A header that cannot be read is a finding of the structural check.
  if (header && (await isSealed(source, header))) {
    return verifySealed(source, options.find, { signature: options.signature });
  }
  if (options.signature) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
  return withoutSeal(await verifyQvd(source, options), options);
}

/** Whoever gives a key takes the file for sealed: a plain one in its place may have been written by anybody. */
function withoutSeal(plain: Verification, { find }: SealedVerifyOptions): SealedVerification {
  const word =
    "that anybody with a key wrote this: nothing in the file is sealed (--require-signature refuses such files)";
  return find === undefined ? plain : { ...plain, notProved: [word] };
}

/** An app with a seal, or one that says it has, is checked as a sealed one; what is plain of it also as an app. */
async function verifyApp(source: ByteSource, options: SealedVerifyOptions): Promise<SealedVerification> {
  const { find, signature } = options;
  const structure = () => verifyQvf(source, { ...options, inflate: inflateNode });
  if (!(await saysSealed(source))) {
    if (signature) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
    return withoutSeal(await structure(), options);
  }
  const sealed = await verifySealed(source, find, { signature });
  if (sealed.findings.length > 0) return sealed;
  const plain = await structure();
  return { ...sealed, findings: plain.findings, checked: [...sealed.checked, ...plain.checked] };
}

async function saysSealed(source: ByteSource): Promise<boolean> {
  if (await sealsApp(source)) return true;
  try {
    await requireUnmarked(await openQvf(source));
    return false;
  } catch (error) {
    if (!isQErr(error) || error.errorClass !== "damaged") throw error;
    // A container that cannot be opened is a finding of the structural check.
    return error.code.startsWith("SEAL_");
  }
}
