import { isQErr, QErr } from "../errors.ts";
import { MAX_HTTP_RANGE_BYTES } from "../limits.ts";
import { checkRange } from "./range.ts";
import type { ByteSource } from "./source.ts";

/** The part of `fetch` that is used; tests and callers with credentials bring their own. */
export type FetchLike = (
  url: string,
  init: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
) => Promise<Response>;

/** A server that says nothing for so long is taken for one that never will. */
export const HTTP_TIMEOUT_MS = 30_000;

/**
 * A source over an HTTP address whose server answers byte ranges (RFC 9110 section 14). One small request finds the
 * size and the validator; every later range carries `If-Range`'s condition by comparing the validator, so a file that
 * is replaced meanwhile is `SOURCE_CHANGED`, never a mixture.
 * @param timeoutMs how long to wait for an answer, and then for each piece of it
 * @throws `USAGE` if the address is none, `SOURCE_NOT_FOUND` on 404 and 410, `SOURCE_READ` if ranges are not served, the request fails, or
 *   nothing comes for `timeoutMs`.
 */
export async function httpSource(
  url: string,
  fetchLike: FetchLike = (u, init) => fetch(u, init),
  timeoutMs = HTTP_TIMEOUT_MS,
): Promise<ByteSource> {
  const name = withoutSecrets(url);
  const first = await request(fetchLike, url, name, "bytes=0-0", patience(name, timeoutMs));
  const validator = first.headers.get("etag") ?? first.headers.get("last-modified") ?? "";
  const size = first.status === 416 ? 0 : rangeOf(first, name).total;
  await first.body?.cancel();

  async function read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(name, size, offset, length);
    if (length === 0) return new Uint8Array(0);
    if (length > MAX_HTTP_RANGE_BYTES) {
      throw new QErr("LIMIT_EXCEEDED", `range of ${length} bytes is over ${MAX_HTTP_RANGE_BYTES}`, { offset });
    }
    const waiting = patience(name, timeoutMs);
    const answer = await request(fetchLike, url, name, `bytes=${offset}-${offset + length - 1}`, waiting);
    const now = answer.headers.get("etag") ?? answer.headers.get("last-modified") ?? "";
    if (answer.status === 416 || now !== validator || rangeOf(answer, name).total !== size) {
      await answer.body?.cancel();
      throw new QErr("SOURCE_CHANGED", `${name} changed while it was read`, { offset });
    }
    const { first: from, last } = rangeOf(answer, name);
    if (from !== offset || last !== offset + length - 1) {
      await answer.body?.cancel();
      throw new QErr("SOURCE_READ", `${name} answered another range than was asked`, { offset });
    }
    return collect(answer, name, offset, length, waiting);
  }

  return {
    size,
    name,
    read,
    async readInto(offset, target) {
      target.set(await read(offset, target.byteLength));
    },
    async close() {},
  };
}

/** Waits for what a server sends, and gives up on one that sends nothing. */
interface Patience {
  readonly signal: AbortSignal;
  wait<T>(work: Promise<T>): Promise<T>;
}

function patience(name: string, ms: number): Patience {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    wait(work) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new QErr("SOURCE_READ", `${name} sent nothing for ${ms / 1000} s`, { hint: "try again later" }));
          controller.abort();
        }, ms);
      });
      return Promise.race([work, late]).finally(() => clearTimeout(timer));
    },
  };
}

async function request(
  fetchLike: FetchLike,
  url: string,
  name: string,
  range: string,
  { signal, wait }: Patience,
): Promise<Response> {
  const headers = { range, "accept-encoding": "identity" };
  const answer = await wait(fetchLike(url, { headers, signal })).catch((cause: unknown) => {
    if (isQErr(cause)) throw cause;
    throw new QErr("SOURCE_READ", `${name} cannot be reached`, { cause });
  });
  if (answer.status === 206 || answer.status === 416) return answer;
  await answer.body?.cancel();
  if (answer.status === 404 || answer.status === 410) {
    throw new QErr("SOURCE_NOT_FOUND", `${name} does not exist (HTTP ${answer.status})`);
  }
  const why = answer.status === 200 ? "its server does not answer byte ranges" : `HTTP ${answer.status}`;
  throw new QErr("SOURCE_READ", `${name} cannot be read: ${why}`);
}

interface AnsweredRange {
  readonly first: number;
  readonly last: number;
  readonly total: number;
}

/** `Content-Range: bytes first-last/total`; `SOURCE_READ` without one, as in an answer of several ranges. */
function rangeOf(answer: Response, name: string): AnsweredRange {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(answer.headers.get("content-range") ?? "");
  if (match === null) throw new QErr("SOURCE_READ", `${name} answers ranges without saying which of how many bytes`);
  return { first: Number(match[1]), last: Number(match[2]), total: Number(match[3]) };
}

async function collect(
  answer: Response,
  name: string,
  offset: number,
  length: number,
  { wait }: Patience,
): Promise<Uint8Array> {
  const target = new Uint8Array(length);
  const reader = answer.body?.getReader();
  let at = 0;
  try {
    for (;;) {
      const piece = reader && (await wait(reader.read())).value;
      if (piece === undefined) break;
      if (at + piece.byteLength > length) throw new QErr("SOURCE_READ", `${name} sent more than was asked`, { offset });
      target.set(piece, at);
      at += piece.byteLength;
    }
  } catch (cause) {
    reader?.cancel().catch(() => {});
    if (isQErr(cause)) throw cause;
    throw new QErr("SOURCE_SHORT", `${name} broke off after ${at} of ${length} bytes`, { offset, cause });
  }
  if (at !== length) throw new QErr("SOURCE_SHORT", `${name} sent ${at} of ${length} bytes`, { offset });
  return target;
}

/** True if a file's name is an address that {@link httpSource} reads. */
export function isAddress(name: string): boolean {
  return /^https?:\/\//i.test(name);
}

/** The address without user, password and query: presigned addresses carry their secret there. */
export function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) throw new QErr("USAGE", "this http address cannot be understood");
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}
