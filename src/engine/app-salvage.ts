import { parseJsonText } from "../bytes/json.ts";
import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.ts";
import { type SalvagedStream, salvageStreams } from "../container/qvf/salvage.ts";
import { needs, QErr } from "../errors.ts";
import { folderSink } from "../source/folder-sink.ts";
import type { ByteSource } from "../source/source.ts";
import { inflateNode } from "./inflate.ts";

/** What survives in a damaged app. */
export interface SalvagedApp {
  readonly streams: readonly SalvagedStream[];
  /**
   * The load script.
   * @throws `APP_NO_SCRIPT` if it did not survive
   */
  script(): string;
  /**
   * Writes the streams to a new or empty folder, named by their place and content. Returns how many there are.
   * @throws `CONTAINER_UNKNOWN` if there is none, `SINK_EXISTS`, `SINK_WRITE`
   */
  saveTo(folder: string): Promise<number>;
}

/**
 * Looks for script, objects and media in a file whose directory cannot be used; see `salvageStreams`.
 * @throws what the source throws
 */
export async function salvageApp(source: ByteSource): Promise<SalvagedApp> {
  const streams = await salvageStreams(source, inflateNode);
  return {
    streams,
    script() {
      for (const stream of streams) {
        const { qScript } = jsonOf(stream) ?? {};
        if (typeof qScript === "string") return qScript;
      }
      throw new QErr("APP_NO_SCRIPT", "no load script survived in the file");
    },
    async saveTo(folder) {
      // A folder with nothing in it would look like success, of a file that may not be an app at all.
      needs(streams.length > 0, "CONTAINER_UNKNOWN", `nothing of an app survived in ${source.name}`);
      const sink = await folderSink(folder);
      try {
        for (const stream of streams) {
          await sink.write(fileName(stream), stream.bytes);
          const { qScript } = jsonOf(stream) ?? {};
          if (typeof qScript === "string") await sink.write(`script-${stream.offset}.qvs`, encodeUtf8(qScript));
        }
        await sink.commit();
      } catch (cause) {
        await sink.abort();
        throw cause;
      }
      return streams.length;
    },
  };
}

function jsonOf(stream: SalvagedStream): Readonly<Record<string, unknown>> | undefined {
  if (stream.format !== "gzjson") return undefined;
  try {
    const parsed: unknown = parseJsonText(decodeUtf8(stream.bytes, "stream"));
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Names in the file are lost with its directory; the place in the file tells streams apart. */
function fileName(stream: SalvagedStream): string {
  return `stream-${stream.offset}.${stream.format === "gzjson" ? "json" : "bin"}`;
}
