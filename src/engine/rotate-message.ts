import { isQErr, QErr } from "../errors.ts";
import type { KeyInfo, KeyRef, SignAlg, UnwrapRequest } from "../keys/keystore.ts";
import type { FilePlan, RotateOptions } from "./rotate-file.ts";

/** What a thread is to do. Keys stay with the thread that gives this: `signer` and `confirm` are asked for there. */
export type RotateJob = Pick<RotateOptions, "from" | "to" | "add" | "rekey" | "reseal" | "signature"> & {
  readonly file: string;
  readonly signer: KeyInfo | undefined;
  readonly confirm: boolean;
};

/** What a thread asks of the one that has the keys. */
export type KeyQuestion =
  | { readonly kind: "find"; readonly among: "keys" | "new keys"; readonly ref: KeyRef }
  | { readonly kind: "unwrap"; readonly key: number; readonly request: UnwrapRequest }
  | { readonly kind: "sign"; readonly alg: SignAlg; readonly data: Uint8Array }
  | { readonly kind: "close"; readonly key: number };

/** A key that was found: its number in later questions, and what is known of it. */
export interface FoundKey {
  readonly key: number;
  readonly info: KeyInfo;
}

export type KeyAnswer = FoundKey | Uint8Array | undefined;

/** To a thread. */
export type ToThread =
  | { readonly kind: "job"; readonly job: RotateJob }
  | { readonly kind: "answer"; readonly number: number; readonly answer: KeyAnswer }
  | { readonly kind: "refusal"; readonly number: number; readonly error: SentError };

/** From a thread. */
export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly plan: FilePlan }
  | { readonly kind: "failed"; readonly error: SentError }
  | { readonly kind: "question"; readonly number: number; readonly question: KeyQuestion };

/** An error on its way to another thread: what it says, without the values that it may have been caused by. */
export type SentError =
  | Pick<QErr, "code" | "message" | "part" | "offset" | "length" | "hint">
  | { readonly bug: string };

export function sentError(error: unknown): SentError {
  if (!isQErr(error)) return { bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const { code, message, part, offset, length, hint } = error;
  return { code, message, part, offset, length, hint };
}

export function receivedError(sent: SentError): Error {
  if ("bug" in sent) return new Error(sent.bug);
  const { code, message, ...place } = sent;
  return new QErr(code, message, place);
}
