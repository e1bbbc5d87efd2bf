import { readHeader } from "../container/qvd/open.ts";
import { sniff } from "../container/sniff.ts";
import { QErr } from "../errors.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import type { ByteSource } from "../source/source.ts";
import { type Verification, type VerifyOptions, verifyQvd } from "../table/qvd-verify.ts";
import { verifyQvf } from "../table/qvf-verify.ts";
import { inflateNode } from "./inflate.ts";
import { isSealed } from "./open-seal-head.ts";
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
  if ((await sniff(source)) === "qvf") return verifyQvf(source, { ...options, inflate: inflateNode });
  const header = await readHeader(source, options).catch(() => undefined);
  // A header that cannot be read is a finding of the structural check.
  if (header && (await isSealed(source, header))) {
    return verifySealed(source, options.find, { signature: options.signature });
  }
  if (options.signature) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
  return verifyQvd(source, options);
}
