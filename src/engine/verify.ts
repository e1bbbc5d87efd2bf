import { sniff } from "../container/sniff.ts";
import type { ByteSource } from "../source/source.ts";
import { type Verification, type VerifyOptions, verifyQvd } from "../table/qvd-verify.ts";
import { verifyQvf } from "../table/qvf-verify.ts";
import { inflateNode } from "./inflate.ts";

export type { Finding, Verification } from "../table/qvd-verify.ts";

/**
 * Checks the structure of a container. Damage is a finding, not an error.
 * @throws `SOURCE_…`, `CONTAINER_UNKNOWN`, `CANCELLED`
 */
export async function verify(source: ByteSource, options: VerifyOptions = {}): Promise<Verification> {
  if ((await sniff(source)) === "qvf") return verifyQvf(source, { ...options, inflate: inflateNode });
  return verifyQvd(source, options);
}
