import { encodeUtf8 } from "../../bytes/utf8.ts";
import { byteWriter, writeBytes, writeU8, written } from "../../bytes/writer.ts";
import { escapeText, type XmlElement } from "./xml.ts";

/** An element to be written; {@link XmlElement} is one. */
export interface HeaderNode {
  readonly name: string;
  readonly attributes?: string;
  readonly children?: readonly HeaderNode[];
  readonly text?: string;
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';

/** Characters encoded at a time: each line by itself costs several times as much. */
const PIECE = 16_384;

/**
 * Writes a header exactly as Qlik does (format notes 1.2): declaration, one element a line, the root indented by one
 * space and every level by two more, empty elements open and closed, the line end given, and the closing NUL.
 */
export function renderHeader(root: HeaderNode, eol: string): Uint8Array {
  const w = byteWriter();
  let text = "";
  const flush = () => {
    writeBytes(w, encodeUtf8(text));
    text = "";
  };
  const line = (one: string) => {
    text += one + eol;
    if (text.length >= PIECE) flush();
  };
  line(DECLARATION);
  renderNode(root, " ", line);
  flush();
  writeU8(w, 0);
  return written(w);
}

function renderNode(node: HeaderNode, indent: string, line: (text: string) => void): void {
  const open = `${indent}<${node.name}${node.attributes ?? ""}>`;
  if (node.children === undefined || node.children.length === 0) {
    line(`${open}${escapeText(node.text ?? "")}</${node.name}>`);
    return;
  }
  line(open);
  for (const child of node.children) renderNode(child, `${indent}  `, line);
  line(`${indent}</${node.name}>`);
}

/** The first child of that name; names are looked up on one level only, since `Comment` and `Offset` occur on two. */
export function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((c) => c.name === name);
}

/** A copy of `node` in which the children named in `texts` carry these texts; the others stay as they are. */
export function withTexts(node: HeaderNode, texts: ReadonlyMap<string, string>): HeaderNode {
  const children = (node.children ?? []).map((c) => {
    const text = texts.get(c.name);
    return text === undefined ? c : { name: c.name, attributes: c.attributes ?? "", text };
  });
  return { ...node, children };
}

export function leaf(name: string, text: string | number): HeaderNode {
  return { name, text: String(text) };
}

export function branch(name: string, children: readonly HeaderNode[]): HeaderNode {
  return { name, children };
}
