import { QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";

export type ContainerKind = "qvd" | "qvf";

const KNOWN_OTHERS: readonly { readonly begins: string; readonly what: string; readonly hint: string }[] = [
  { begins: "version https://git-lfs", what: "a Git LFS pointer, not the file itself", hint: "run git lfs pull" },
  { begins: "PD94bWwg", what: "a QVD in Base64", hint: "decode it first: base64 -d FILE > OUT.qvd" },
  { begins: "PAR1", what: "a Parquet file", hint: "qvault import turns it into a QVD" },
  { begins: "PK\u0003\u0004", what: "a ZIP archive", hint: "unpack it first" },
];

/**
 * Which container this is, from its first bytes.
 * @throws `CONTAINER_UNKNOWN` with a hint where the bytes are known to be something else
 */
export async function sniff(source: ByteSource): Promise<ContainerKind> {
  const head = await source.read(0, Math.min(64, source.size));
  const text = String.fromCharCode(...head);
  if (/^(\u00ef\u00bb\u00bf)?\s*<(\?xml|QvdTableHeader)/.test(text)) return "qvd";
  if (text.startsWith("\u00ff\u00ff\u0001\u0000")) return "qvf";
  const other = KNOWN_OTHERS.find((o) => text.startsWith(o.begins));
  const what = source.size === 0 ? "empty" : (other?.what ?? "neither a QVD nor a QVF");
  throw new QErr("CONTAINER_UNKNOWN", `${source.name} is ${what}`, { offset: 0, hint: other?.hint });
}
