import { type OverlayStream, overlaidContainer } from "../container/qvf/overlay.ts";
import { SEAL_MEMBER } from "../container/qvf/parts.ts";
import { openQvf, type QvfContainer, type QvfEntry } from "../container/qvf/reader.ts";
import { needs } from "../errors.ts";
import { type AuthenticateOptions, authenticate, type FindKey } from "../seal/authenticate.ts";
import { checkedSource } from "../seal/checked-source.ts";
import type { Manifest } from "../seal/manifest.ts";
import type { ByteSource } from "../source/source.ts";
import type { SymbolTable } from "../table/symbols.ts";
import { type App, type AppSeal, appOver } from "./app-view.ts";
import { type OpenItems, openItems } from "./open-sealed-items.ts";
import { type OpenTables, openSealedTable, openTables, restoredStream } from "./open-sealed-tables.ts";
import { readSealedAppHead } from "./seal-qvf-head.ts";
import { STREAM_ITEMS } from "./seal-qvf-meta.ts";
import { restoredStatistics, statisticsOf } from "./seal-qvf-statistics.ts";
import { META_PATH } from "./seal-qvf-streams.ts";

/**
 * A sealed app without a key: what a plain reader sees, and a list of what he does not. Its tables can be had only where
 * section access is not sealed, as nobody could say who may see them.
 * @throws what `readSealedAppHead` and opening a container throw
 */
export async function shutApp(source: ByteSource): Promise<App> {
  const { manifest } = await readSealedAppHead(source);
  const container = await openQvf(source);
  const plain = container.entries.filter((entry) => entry.path !== SEAL_MEMBER);
  return appOver(overlaidContainer(container, plain, new Map()), {
    seal: { ...shutItems(manifest, undefined), mode: manifest.mode, exact: false },
  });
}

function shutItems(manifest: Manifest, open: OpenItems | undefined): Pick<AppSeal, "stillSealed" | "shut"> {
  const shut = manifest.items.filter(({ ordinal, name }) => {
    return ordinal >= STREAM_ITEMS ? !open?.streams.has(name) : !open?.fields.has(ordinal);
  });
  return {
    stillSealed: shut.filter((item) => item.ordinal < STREAM_ITEMS).map((item) => item.name),
    shut: new Set(shut.filter((item) => item.ordinal >= STREAM_ITEMS).map((item) => item.name)),
  };
}

/**
 * Opens a sealed app with whatever keys `find` finds: one private-key operation a slot. The head is authenticated, and
 * every byte handed out later is checked first: plain parts, the container's own structure among them, against the
 * manifest, sealed ones by their tags. The app that is given has the streams that were sealed in their places; those no
 * key opens are what a plain reader sees. Closing it overwrites every key and buffer, and closes the source.
 * @throws what `readSealedAppHead` and `authenticate` throw
 */
export async function openSealedApp(
  source: ByteSource,
  find: FindKey,
  options: AuthenticateOptions = {},
): Promise<App> {
  const head = await readSealedAppHead(source);
  const region = await authenticate(head, find, options);
  let items: OpenItems | undefined;
  try {
    const { manifest } = head;
    const outer = await openQvf(checkedSource(source, manifest.plain));
    const open = await openItems(source, region);
    items = open;
    const tables = openTables(open.fields);
    const streams = await overlayStreams(outer, open, tables);
    const container = overlaidContainer(outer, entriesOf(outer, open, streams), streams);
    const symbols = new Set<Promise<SymbolTable>>();
    const state = shutItems(manifest, open);
    const tokenKey = [...open.fields.values()].find((f) => f.tokenKey)?.tokenKey;
    const exact = manifest.slots.length === 1 && state.shut.size === 0 && state.stillSealed.length === 0;
    return appOver(container, {
      seal: { ...state, mode: manifest.mode, exact, tokenKey },
      model: {
        field(field, number) {
          if (!open.fields.has(number)) return field;
          return {
            ...field,
            symbols() {
              const table = field.symbols();
              symbols.add(table);
              return table;
            },
          };
        },
        async table(number, context) {
          const columns = tables.get(number);
          return columns && openSealedTable(outer, number, columns, context);
        },
      },
      async close() {
        for (const table of symbols) await table.then((t) => t.bytes.fill(0)).catch(() => {});
        await open.wipe();
        region.wipe();
        await outer.close();
      },
    });
  } catch (error) {
    await items?.wipe();
    region.wipe();
    throw error;
  }
}

/** Streams that are made of what was opened, by path. */
async function overlayStreams(
  outer: QvfContainer,
  open: OpenItems,
  tables: OpenTables,
): Promise<ReadonlyMap<string, OverlayStream>> {
  const streams = new Map<string, OverlayStream>();
  const put = (path: string, meta: Uint8Array, read: () => Promise<Uint8Array>) => {
    const there = outer.entry(path);
    needs(there !== undefined, "SEAL_DAMAGED", `the app has no ${path}`, { part: path });
    streams.set(path, { entry: { ...there, meta }, read });
  };
  for (const field of open.fields.values()) put(`data/field_${field.number}`, field.meta, field.stream);
  for (const [number, columns] of tables) {
    put(`data/table_${number}`, [...columns.values()][0]!.meta, () => restoredStream(outer, number, columns));
  }
  for (const stream of open.streams.values()) {
    const { path, time, meta } = stream;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const there = outer.entry(path) ?? { name, isDirectory: false, inode: 0, path };
    streams.set(path, { entry: { ...there, time, meta }, read: stream.stream });
  }
  // The statistics of several slots are put together from those of their fields.
  const document = streams.has(META_PATH) || open.fields.size === 0 ? undefined : await statisticsOf(outer);
  if (document !== undefined) {
    const entries = [...open.fields.values()].flatMap(({ name, statistics }) =>
      statistics === undefined ? [] : [[name, statistics] as const],
    );
    const bytes = restoredStatistics(document, new Map(entries));
    put(META_PATH, outer.entry(META_PATH)!.meta, async () => bytes);
  }
  return streams;
}

/** The entries in their order before sealing: streams that were taken out know their place. */
function entriesOf(
  outer: QvfContainer,
  open: OpenItems,
  streams: ReadonlyMap<string, OverlayStream>,
): readonly QvfEntry[] {
  const there = outer.entries.filter((entry) => entry.path !== SEAL_MEMBER);
  const entries = there.map((entry) => streams.get(entry.path)?.entry ?? entry);
  const gone = [...open.streams.values()].filter((stream) => outer.entry(stream.path) === undefined);
  for (const { path, place } of gone.sort((a, b) => a.place - b.place)) {
    entries.splice(Math.min(place, entries.length), 0, streams.get(path)!.entry);
  }
  return entries;
}
