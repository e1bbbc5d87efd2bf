import { decodeUtf8 } from "../../bytes/utf8.ts";
import { QErr } from "../../errors.ts";
import { MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../limits.ts";

/**
 * One element of a header. An element has children or a text, never both: the white space between children is layout.
 * `start` and `end` are byte offsets in the header, from `<` of the open tag to behind `>` of the close tag.
 */
export interface XmlElement {
  readonly name: string;
  /** What stands behind the name in the open tag, as written; empty in every file Qlik writes. */
  readonly attributes: string;
  readonly children: readonly XmlElement[];
  /** Character data with the five entities and character references resolved; line ends and spaces kept as they are. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface XmlOptions {
  /**
   * Read what SAP extracts are said to contain (format notes 1.2): bare `<` and `&` in texts, control bytes, an
   * unfinished last close tag. Then a `<` opens a tag only before one of `names`.
   */
  readonly lenientNames?: ReadonlySet<string> | undefined;
}

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const QUESTION = 0x3f;

interface Open {
  readonly name: string;
  readonly attributes: string;
  readonly start: number;
  readonly textStart: number;
  readonly children: XmlElement[];
}

/**
 * Reads one XML document strictly: elements and character data in UTF-8, an optional XML declaration, nothing else. No
 * DTD, comment, CDATA or processing instruction, so there is nothing to expand and nothing to fetch.
 * @param bytes the document without its closing NUL
 * @throws `QVD_XML` with the byte offset; `LIMIT_EXCEEDED` beyond {@link MAX_XML_DEPTH} or {@link MAX_XML_ELEMENTS}
 */
export function parseXml(bytes: Uint8Array, options: XmlOptions = {}): XmlElement {
  const lenient = options.lenientNames;
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  const add = (element: XmlElement) => {
    const parent = stack.at(-1);
    if (parent === undefined) root = element;
    else parent.children.push(element);
  };

  for (let at = skipDeclaration(bytes); ; ) {
    const lt = nextTag(bytes, at, lenient);
    if (stack.length === 0) needsSpace(bytes, at, lt, lenient !== undefined);
    if (lt === bytes.byteLength) break;
    if (bytes[lt + 1] === SLASH) {
      const gt = closeTagEnd(bytes, lt, lenient !== undefined);
      const open = stack.pop();
      const name = tagText(bytes, lt + 2, gt, lenient !== undefined).trimEnd();
      if (open === undefined || open.name !== name) {
        throw bad(lt, `close tag </${shown(name)}> does not fit ${open ? `<${shown(open.name)}>` : "anything open"}`);
      }
      add(closed(bytes, open, lt, gt + 1, lenient !== undefined));
      at = gt + 1;
      continue;
    }
    const gt = bytes.indexOf(GT, lt);
    if (gt === -1) throw bad(lt, "a tag is not closed");
    elements += 1;
    if (elements > MAX_XML_ELEMENTS) throw over("elements", MAX_XML_ELEMENTS, lt);
    const selfClosing = bytes[gt - 1] === SLASH;
    const open = openTag(bytes, lt, gt, selfClosing, lenient !== undefined);
    at = gt + 1;
    if (root !== undefined) throw bad(lt, "there is a second root element");
    if (selfClosing) {
      add({ name: open.name, attributes: open.attributes, children: [], text: "", start: lt, end: at });
      continue;
    }
    if (stack.length === MAX_XML_DEPTH) throw over("depth of elements", MAX_XML_DEPTH, lt);
    stack.push(open);
  }
  const left = stack.at(-1);
  if (left) throw bad(bytes.byteLength, `<${shown(left.name)}> is not closed`);
  if (root === undefined) throw bad(0, "there is no element");
  return root;
}

function skipDeclaration(bytes: Uint8Array): number {
  if (bytes[0] !== LT || bytes[1] !== QUESTION) return 0;
  const gt = bytes.indexOf(GT);
  const text = tagText(bytes, 0, gt + 1, false);
  if (!/^<\?xml\s[^<]*\?>/.test(text)) throw bad(0, "the XML declaration is malformed");
  const encoding = /encoding\s*=\s*["']([^"']*)["']/.exec(text)?.[1];
  if (encoding !== undefined && encoding.toLowerCase() !== "utf-8") throw bad(0, "the encoding is not UTF-8");
  return gt + 1;
}

/** Offset of the next `<` that is a tag, or the end. */
function nextTag(bytes: Uint8Array, from: number, lenient: ReadonlySet<string> | undefined): number {
  for (let at = from; ; at += 1) {
    at = bytes.indexOf(LT, at);
    if (at < 0) return bytes.byteLength;
    if (lenient === undefined || lenient.has(nameAt(bytes, at))) return at;
  }
}

/** Where control bytes may be left out, what is looked at must have an end. */
const MAX_NAME_BYTES = 64;

/** The name behind `<` or `</`, control bytes left out; for lenient reading only. */
function nameAt(bytes: Uint8Array, lt: number): string {
  let name = "";
  for (let at = lt + 1; at <= lt + MAX_NAME_BYTES; at++) {
    const byte = bytes[at]!;
    if (isNameByte(byte)) name += String.fromCharCode(byte);
    else if (!isControl(byte) && !(byte === SLASH && name === "")) break;
  }
  return name;
}

function isNameByte(byte: number): boolean {
  const letter = byte | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x3a) ||
    byte === 0x5f ||
    byte === 0x2d ||
    byte === 0x2e
  );
}

function closeTagEnd(bytes: Uint8Array, lt: number, lenient: boolean): number {
  const gt = bytes.indexOf(GT, lt);
  if (gt !== -1) return gt;
  // The unfinished last tag of some SAP extracts: `</QvdTableHeader`, then padding.
  if (lenient) return bytes.byteLength;
  throw bad(lt, "a tag is not closed");
}

function openTag(bytes: Uint8Array, lt: number, gt: number, selfClosing: boolean, lenient: boolean): Open {
  const inner = tagText(bytes, lt + 1, selfClosing ? gt - 1 : gt, lenient);
  const name = /^[A-Za-z_][A-Za-z0-9_.:-]*/.exec(inner)?.[0];
  if (name === undefined) {
    throw bad(lt, "a tag has no name; DTDs, comments, CDATA and processing instructions are not part of a QVD header");
  }
  const attributes = inner.slice(name.length);
  if (attributes !== "") checkAttributes(attributes, name, lt);
  return { name, attributes, start: lt, textStart: gt + 1, children: [] };
}

/** Attributes are kept as written and mean nothing here; still they must be well formed, each name once. */
function checkAttributes(attributes: string, tag: string, lt: number): void {
  const one = /\s+([A-Za-z_][A-Za-z0-9_.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
  const seen = new Set<string>();
  let end = 0;
  for (let match = one.exec(attributes); match !== null; match = one.exec(attributes)) {
    const [, name, double, single] = match;
    if (seen.has(name!)) throw bad(lt, `<${shown(tag)}> has an attribute twice`);
    seen.add(name!);
    resolve(double ?? single!, lt, false);
    end = one.lastIndex;
  }
  if (!/^\s*$/.test(attributes.slice(end))) throw bad(lt, `the attributes of <${shown(tag)}> are malformed`);
}

function closed(bytes: Uint8Array, open: Open, lt: number, end: number, lenient: boolean): XmlElement {
  const { name, attributes, start, children } = open;
  if (children.length > 0) {
    let at = open.textStart;
    for (const child of [...children, { start: lt, end: lt }]) {
      needsSpace(bytes, at, child.start, lenient);
      at = child.end;
    }
    return { name, attributes, children, text: "", start, end };
  }
  const raw = decodeUtf8(bytes.subarray(open.textStart, lt), `header element ${shown(name)}`, open.textStart);
  return { name, attributes, children, text: resolve(raw, open.textStart, lenient), start, end };
}

/** Between elements only white space may stand. Lenient: control bytes too (padding before the NUL). */
function needsSpace(bytes: Uint8Array, from: number, to: number, lenient: boolean): void {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d || (lenient && isControl(byte))) continue;
    throw bad(at, "there is text between elements");
  }
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** Resolves the five entities and character references; `offset` is for the error only. */
function resolve(raw: string, offset: number, lenient: boolean): string {
  const text = raw.includes("&") ? resolveReferences(raw, offset, lenient) : raw;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters that XML 1.0 forbids are meant
  if (!lenient && /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)) {
    throw bad(offset, "a text holds a control character", "read SAP extracts with the lenient option");
  }
  return text;
}

function resolveReferences(raw: string, offset: number, lenient: boolean): string {
  // eslint-disable-next-line security/detect-unsafe-regex -- no quantifier is nested, and each is bounded
  return raw.replace(/&(?:([a-z]{1,8});|#(\d{1,7});|#x([0-9A-Fa-f]{1,6});)?/g, (all, name, decimal, hex) => {
    const known = ENTITIES[name];
    if (known !== undefined) return known;
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : -1;
    if (code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
    if (lenient) return all;
    throw bad(offset, "a text holds & without one of the five entities", "read SAP extracts with the lenient option");
  });
}

/** The text of a tag. Lenient: without the control bytes that SAP extracts are said to have there. */
function tagText(bytes: Uint8Array, start: number, end: number, lenient: boolean): string {
  const inside = bytes.subarray(start, end);
  return decodeUtf8(lenient ? inside.filter((byte) => !isControl(byte)) : inside, "a header tag", start);
}

/** A control byte that is no white space of XML. */
function isControl(byte: number): boolean {
  return byte === 0x7f || (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

/** A name for a message: short and printable, whatever a hostile file puts there. */
function shown(name: string): string {
  const short = name.length > 40 ? `${name.slice(0, 40)}…` : name;
  return short.replace(/[^\x20-\x7e…]/g, "?");
}

function bad(offset: number, message: string, hint?: string): QErr {
  return new QErr("QVD_XML", `header: ${message}`, { part: "header", offset, hint });
}

function over(what: string, limit: number, offset: number): QErr {
  return new QErr("LIMIT_EXCEEDED", `header: ${what} is over ${limit}`, { part: "header", offset });
}

/** Escapes a text as Qlik does: `& < > "`; everything else, line ends included, stays raw. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&quot;"));
}
