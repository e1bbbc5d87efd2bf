import { partsOf } from "../../src/container/qvf/parts.ts";
import type { App } from "../../src/engine/app-view.ts";
import { openQvfApp } from "../../src/engine/qvf-app.ts";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { sealApp } from "../../src/engine/seal-qvf.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";

/** Seals an app in memory. */
export async function sealAppBytes(qvf: Uint8Array, options: SealOptions): Promise<Uint8Array> {
  const app = await openQvfApp(memorySource(qvf));
  const sink = memorySink();
  await sealApp(app, sink, options);
  await sink.commit();
  return sink.result();
}

export function openAppBytes(sealed: Uint8Array, find?: FindKey): Promise<App> {
  return openQvfApp(memorySource(sealed), { find });
}

/** Every stream and its meta, by path in the order of the directory. */
export async function streamsOf(app: App): Promise<readonly (readonly [string, string, string])[]> {
  const streams: (readonly [string, string, string])[] = [];
  for (const part of await partsOf(app.container)) {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    streams.push([part.path, hex(part.meta), hex(await part.read())]);
  }
  return streams;
}
