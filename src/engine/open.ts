import type { HeaderOptions } from "../container/qvd/header.ts";
import { type ContainerKind, sniff } from "../container/sniff.ts";
import { QErr } from "../errors.ts";
import { fileSource } from "../source/file.ts";
import { httpSource } from "../source/http.ts";
import type { ByteSource } from "../source/source.ts";
import { streamSource } from "../source/stream.ts";
import { openQvdTable, type QvdTable } from "../table/qvd-table.ts";

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
  if (/^https?:\/\//i.test(name)) return httpSource(name);
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
    const table = await openQvdTable(source, options);
    return { kind: "qvd", source, table, close: () => table.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
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
