import type { HeaderOptions } from "../container/qvd/header.ts";
import { planLayout } from "../container/qvd/layout.ts";
import { readHeader } from "../container/qvd/open.ts";
import { type ContainerKind, sniff } from "../container/sniff.ts";
import { QErr } from "../errors.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import { fileSource } from "../source/file.ts";
import { httpSource, isAddress } from "../source/http.ts";
import type { ByteSource } from "../source/source.ts";
import { streamSource } from "../source/stream.ts";
import { type QvdTable, qvdTable } from "../table/qvd-table.ts";
import { isSealed } from "./open-seal-head.ts";
import { openSealedQvd } from "./open-sealed.ts";

/** A file that was recognised and whose header was read. Closing it closes its source. */
export interface OpenedQvd {
  readonly kind: "qvd";
  readonly source: ByteSource;
  readonly table: QvdTable;
  close(): Promise<void>;
}

export type Opened = OpenedQvd;

export type { ByteSource, ContainerKind };

export interface OpenOptions extends HeaderOptions {
  /** Where `-` reads from. */
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  /** Open over this source instead of one made from the name. */
  readonly source?: ByteSource | undefined;
  /** Keys for sealed files; without them sealed fields are what a plain reader sees. */
  readonly find?: FindKey | undefined;
  /** Who must have signed a sealed file. */
  readonly signature?: SignaturePolicy | undefined;
}

/**
 * A source by the name a user gives: a path, an `http(s)://` address, or `-` for standard input.
 * @throws `SOURCE_…`
 */
export async function openSource(name: string, options: OpenOptions = {}): Promise<ByteSource> {
  if (name === "-") {
    if (options.stdin === undefined) throw new QErr("USAGE", "there is no standard input to read");
    return streamSource(options.stdin, "standard input");
  }
  if (isAddress(name)) return httpSource(name);
  return fileSource(name);
}

/**
 * Opens a container: recognises it by its first bytes, reads its header, fetches no data.
 * @throws `SOURCE_…`, `CONTAINER_UNKNOWN`, and what reading a header throws
 */
export async function openFile(name: string, options: OpenOptions = {}): Promise<Opened> {
  const source = options.source ?? (await openSource(name, options));
  try {
    await requireQvd(source);
    const table = await openPlainOrSealed(source, options);
    return { kind: "qvd", source, table, close: () => table.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * The table of a QVD: sealed fields are open where a key was found. With keys, a file that is not sealed opens as it is.
 * @throws `SEAL_UNSIGNED` if a signature is asked of a plain file; what opening either kind throws
 */
export async function openPlainOrSealed(source: ByteSource, options: OpenOptions): Promise<QvdTable> {
  const header = await readHeader(source, options);
  const sealed = await isSealed(source, header);
  if (options.find && sealed) return openSealedQvd(source, options.find, { signature: options.signature });
  if (options.signature) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
  if (sealed && header.encryptionInfo !== "") {
    throw new QErr("SEAL_NO_IDENTITY", "the file is sealed as a whole, and no key was given", {
      hint: "add --key REF",
    });
  }
  // A header may have a million elements: it is read once.
  return qvdTable(source, header, planLayout(header, source.size));
}

/** Which container this is. Throws `CONTAINER_UNKNOWN`. */
export function containerOf(source: ByteSource): Promise<ContainerKind> {
  return sniff(source);
}

/** @throws `CONTAINER_UNKNOWN` if `source` is not a QVD */
export async function requireQvd(source: ByteSource): Promise<void> {
  const kind: ContainerKind = await sniff(source);
  if (kind !== "qvd") throw new QErr("CONTAINER_UNKNOWN", `${source.name} is a Qlik app, not a data file`);
}
