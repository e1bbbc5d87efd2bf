import { deflateSync } from "node:zlib";
import { concat } from "../../src/bytes/concat.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { editing, fragmented, goodImage, placeOf, SECTOR, withoutStream, withStream } from "../helpers/qvf-image.ts";

/** One way in which a QVF can be broken, and what must be said of it. */
export interface QvfFault {
  readonly name: string;
  readonly bytes: () => Promise<Uint8Array>;
  readonly code: ErrorCode;
}

type Set = ReturnType<typeof editing>;

const utf8 = (text: string) => new TextEncoder().encode(text);
const INDIRECT = 1n << 63n;
const SCRIPT = "qvapp_appscript";
const OTHER = "qvapp_variablelist";

/** The good file, edited in place. */
function image(code: ErrorCode, name: string, edit: (set: Set, bytes: Uint8Array) => void | Promise<void>): QvfFault {
  return {
    name,
    code,
    bytes: async () => {
      const bytes = await goodImage();
      await edit(editing(bytes), bytes);
      return bytes;
    },
  };
}

/** The good file with other bytes altogether. */
function whole(code: ErrorCode, name: string, make: (good: Uint8Array) => Uint8Array | Promise<Uint8Array>): QvfFault {
  return { name, code, bytes: async () => make(await goodImage()) };
}

/** The good file with its inode of `path` edited; offsets count from the inode. */
function inode(
  code: ErrorCode,
  name: string,
  edit: (set: Set, at: number, data: number) => void,
  path = SCRIPT,
): QvfFault {
  return image(code, name, async (set, bytes) => {
    const place = await placeOf(bytes, path);
    edit(set, place.inode, place.data);
  });
}

/** The good file with the first slot of `path` edited. */
function slot(
  code: ErrorCode,
  name: string,
  edit: (set: Set, at: number, bytes: Uint8Array) => void,
  path = SCRIPT,
): QvfFault {
  return image(code, name, async (set, bytes) => {
    edit(set, (await placeOf(bytes, path)).slot, bytes);
  });
}

/** A sound container with one stream edited. */
function stream(code: ErrorCode, path: string, name: string, edit: (bytes: Uint8Array, set: Set) => unknown): QvfFault {
  const make = () =>
    withStream(path, (bytes) => {
      const made = edit(bytes, editing(bytes));
      return made instanceof Uint8Array ? made : bytes;
    });
  return { name: `${path}: ${name}`, code, bytes: make };
}

/** A frame as `frame.ts` writes it, with lengths of one's own. */
function frame(
  raw: Uint8Array,
  more: { header?: string; rawLength?: number; compressed?: Uint8Array; stated?: number } = {},
) {
  const header = utf8(more.header ?? '{"format":"gzjson"}\0');
  const compressed = more.compressed ?? new Uint8Array(deflateSync(raw));
  const out = new Uint8Array(12 + header.byteLength + compressed.byteLength);
  const set = editing(out);
  set.u32(0, header.byteLength);
  out.set(header, 4);
  set.u32(4 + header.byteLength, more.rawLength ?? raw.byteLength);
  set.u32(8 + header.byteLength, more.stated ?? compressed.byteLength);
  out.set(compressed, 12 + header.byteLength);
  return out;
}

const json = (value: unknown) => utf8(`${JSON.stringify(value)}\0`);

const CONTAINER: readonly QvfFault[] = [
  whole("QVF_HEADER", "a header and nothing else", (good) => good.slice(0, SECTOR)),
  image("QVF_HEADER", "another magic", (set) => set.u32(0, 0x0002ffff)),
  image("QVF_HEADER", "another family", (set) => set.u32(4, 1730)),
  image("QVF_HEADER", "another version", (set) => set.u32(8, 1)),
  image("QVF_HEADER", "sectors of 4096 bytes", (set) => set.u32(12, 4096)),
  image("QVF_HEADER", "another number after the sector size", (set) => set.u32(16, 2)),
  image("QVF_HEADER", "no root directory", (set) => set.u64(0x40, 0)),
  image("QVF_HEADER", "root directory between sectors", (set) => set.u64(0x40, 700)),
  image("QVF_HEADER", "root inode of two sectors", (set) => set.u64(0x48, 1024)),
  image("QVF_HEADER", "root directory beyond 2^53", (set) => set.u64(0x40, 1n << 60n)),
  image("QVF_EXTENT", "root directory outside the file", (set) => set.u64(0x40, 1 << 30)),
  whole("QVF_HEADER", "cut within a sector", (good) => good.slice(0, -100)),
  whole("QVF_EXTENT", "cut after a sector", (good) => good.slice(0, 3 * SECTOR)),
  whole("QVF_CONVERTED", "CR LF became LF", (good) => converted(good, false)),
  whole("QVF_CONVERTED", "LF became CR LF", (good) => converted(good, true)),
  inode("QVF_INODE", "inode that points elsewhere", (set, at) => set.u64(at + 0x20, at)),
  inode("QVF_INODE", "inode whose table has another length", (set, at) => set.u64(at + 0x28, 464)),
  inode("QVF_INODE", "size beyond what is allocated", (set, at) => set.u64(at, 1 << 20)),
  inode("QVF_INODE", "size beyond 2^53", (set, at) => set.u64(at, INDIRECT)),
  inode("QVF_INODE", "allocated other than the extents", (set, at) => set.u64(at + 8, 1024)),
  inode("QVF_INODE", "extent beyond 2^53", (set, at) => set.u64(at + 0x30, 1n << 55n)),
  inode("QVF_EXTENT", "extent outside the file", (set, at) => set.u64(at + 0x30, 1 << 30)),
  inode("QVF_EXTENT", "extent that runs past the end", (set, at) => set.u64(at + 0x38, 1 << 30)),
  inode("QVF_EXTENT", "extent of 2^62 bytes", (set, at) => set.u64(at + 0x38, 1n << 62n)),
  inode("QVF_EXTENT", "extent between sectors", (set, at, data) => set.u64(at + 0x30, data + 8)),
  inode("QVF_EXTENT", "extent of a part of a sector", (set, at) => set.u64(at + 0x38, 100)),
  inode("QVF_EXTENT", "extent over the header", (set, at) => set.u64(at + 0x30, 0)),
  inode("QVF_EXTENT", "extent over its own inode", (set, at) => set.u64(at + 0x30, at)),
  image("QVF_EXTENT", "two streams over one extent", async (set, bytes) => {
    const other = await placeOf(bytes, OTHER);
    set.u64((await placeOf(bytes, SCRIPT)).inode + 0x30, other.data);
  }),
  image("QVF_EXTENT", "two entries with one inode", async (set, bytes) => {
    set.u64((await placeOf(bytes, SCRIPT)).slot + 16, (await placeOf(bytes, OTHER)).inode);
  }),
  slot("QVF_EXTENT", "inode outside the file", (set, at) => set.u64(at + 16, 1 << 30)),
  slot("QVF_EXTENT", "inode between sectors", (set, at) => set.u64(at + 16, 700)),
  slot("QVF_EXTENT", "directory that holds the root", (set, at) => set.u64(at + 16, SECTOR), "data"),
  image("QVF_EXTENT", "directory that holds itself", async (set, bytes) => {
    const data = await placeOf(bytes, "data");
    const field = await placeOf(bytes, "data/field_0");
    set.u32(field.slot, 7);
    set.u64(field.slot + 16, data.inode);
  }),
  inode("QVF_EXTENT", "extent table that points to itself", (set, at) => {
    set.u64(at + 0x30, at);
    set.u64(at + 0x38, BigInt(SECTOR) | INDIRECT);
  }),
  inode("QVF_EXTENT", "extent table outside the file", (set, at) => {
    set.u64(at + 0x30, 1 << 30);
    set.u64(at + 0x38, BigInt(SECTOR) | INDIRECT);
  }),
  inode("QVF_EXTENT", "extent table of 2^62 bytes", (set, at) => set.u64(at + 0x38, (1n << 62n) | INDIRECT)),
  whole("QVF_EXTENT", "extent tables five deep", (good) => fragmented(good, SCRIPT, 5)),
  whole("QVF_EXTENT", "fragments, one of them taken twice", async (good) => {
    const bytes = await fragmented(good, "qvapp_meta", 1);
    const table = good.byteLength;
    const view = new DataView(bytes.buffer);
    editing(bytes).u64(table + 16, view.getBigUint64(table, true));
    return bytes;
  }),
  whole("QVF_DIRECTORY", "directories nine deep", nested),
];

/** Every line end of the file converted as git would, and enough of them for the evidence. */
function converted(good: Uint8Array, toCrLf: boolean): Uint8Array {
  const lines = concat([good, utf8(toCrLf ? "\n".repeat(SECTOR) : "\r\n".repeat(SECTOR / 2))]);
  const out: number[] = [];
  lines.forEach((byte, i) => {
    if (toCrLf && byte === 10 && lines[i - 1] !== 13) out.push(13);
    if (toCrLf || byte !== 13 || lines[i + 1] !== 10) out.push(byte);
  });
  // A conversion of just so many bytes that whole sectors are left would be found later, by what moved.
  return Uint8Array.from(out.length % SECTOR === 0 ? [...out, 0] : out);
}

/** `data` holds a directory that holds a directory …: their inodes and data are appended. */
async function nested(good: Uint8Array): Promise<Uint8Array> {
  const levels = 9;
  const bytes = concat([good, new Uint8Array(levels * 2 * SECTOR)]);
  const set = editing(bytes);
  const template = await placeOf(good, "data");
  const field = await placeOf(good, "data/field_0");
  const view = new DataView(bytes.buffer);
  set.u32(field.slot, 7);
  set.u64(field.slot + 16, good.byteLength);
  for (let level = 0; level < levels; level++) {
    const at = good.byteLength + level * 2 * SECTOR;
    bytes.copyWithin(at, template.inode, template.inode + SECTOR);
    const slots = 1 + view.getUint32(field.slot + 4, true);
    set.u64(at, slots * 64);
    set.u64(at + 8, SECTOR);
    set.u64(at + 0x20, at + 0x30);
    set.u64(at + 0x30, at + SECTOR);
    set.u64(at + 0x38, SECTOR);
    bytes.copyWithin(at + SECTOR, field.slot, field.slot + slots * 64);
    set.u64(at + SECTOR + 16, at + 2 * SECTOR);
  }
  return bytes;
}

const DIRECTORY: readonly QvfFault[] = [
  slot("QVF_DIRECTORY", "inode of two sectors", (set, at) => set.u64(at + 24, 1024)),
  slot("QVF_DIRECTORY", "name longer than its slots", (set, at) => set.u32(at + 32, 100_000)),
  slot("QVF_DIRECTORY", "name of 4 GiB", (set, at) => set.u32(at + 32, 0xffffffff)),
  slot("QVF_DIRECTORY", "empty name", (set, at) => set.u32(at + 32, 0)),
  slot("QVF_DIRECTORY", "more slots than the directory has", (set, at) => set.u32(at + 4, 10_000)),
  slot("QVF_DIRECTORY", "2^32 - 1 slots", (set, at) => set.u32(at + 4, 0xffffffff)),
  slot("QVF_DIRECTORY", "fewer slots than the body needs", (set, at) => set.u32(at + 4, 0)),
  slot("QVF_DIRECTORY", "continuation slot not in use", (set, at) => set.u32(at + 64, 0)),
  slot("QVF_DIRECTORY", "continuation slot that begins an entry", (set, at) => set.u32(at + 64, 3)),
  slot("QVF_DIRECTORY", "name with a slash", (_, at, bytes) => bytes.set(utf8("a/b"), at + 36)),
  slot("QVF_DIRECTORY", "name with a NUL", (_, at, bytes) => bytes.fill(0, at + 36, at + 37)),
  slot("QVF_DIRECTORY", "name that is not UTF-8", (_, at, bytes) => bytes.fill(0xff, at + 36, at + 38)),
  slot(
    "QVF_DIRECTORY",
    "name ..",
    (set, at, bytes) => {
      bytes.set(utf8("...."), at + 36);
      set.u32(at + 32, 2);
    },
    "data",
  ),
  image("QVF_DIRECTORY", "name that comes twice", async (_, bytes) => {
    const one = await placeOf(bytes, "data/field_0");
    const two = await placeOf(bytes, "data/field_1");
    bytes.copyWithin(two.slot + 36, one.slot + 36, one.slot + 36 + 7);
  }),
  image("QVF_DIRECTORY", "directory that ends within a slot", async (set, bytes) => {
    const { inode: at } = await placeOf(bytes, "media");
    set.u64(at, 100);
  }),
  slot("QVF_JSON", "meta that is not JSON", (_, at, bytes) => bytes.fill(0x41, at + 64 + 4, at + 64 + 20)),
  slot("QVF_JSON", "meta that is not UTF-8", (_, at, bytes) => bytes.fill(0xff, at + 64 + 4, at + 64 + 20)),
];

const FRAMES: readonly QvfFault[] = [
  stream("QVF_STREAM", SCRIPT, "empty", () => new Uint8Array(0)),
  stream("QVF_STREAM", SCRIPT, "header of 4 GiB", (_, set) => set.u32(0, 0xffffffff)),
  stream("QVF_STREAM", SCRIPT, "header without its NUL", () => frame(json({}), { header: '{"format":"gzjson"}' })),
  stream("QVF_STREAM", SCRIPT, "header that is not JSON", () => frame(json({}), { header: "{format:gzjson}\0" })),
  stream("QVF_STREAM", SCRIPT, "header that is null", () => frame(json({}), { header: "null\0" })),
  stream("QVF_STREAM", SCRIPT, "format that is not known", () => frame(json({}), { header: '{"format":"brotli"}\0' })),
  stream("QVF_STREAM", SCRIPT, "cut before its lengths", (bytes) => bytes.slice(0, 26)),
  stream("QVF_STREAM", SCRIPT, "cut within its data", (bytes) => bytes.slice(0, -4)),
  stream("QVF_STREAM", SCRIPT, "data of 4 GiB", () => frame(json({}), { stated: 0xffffffff })),
  stream("LIMIT_EXCEEDED", SCRIPT, "states 4 GiB of content", () => frame(json({}), { rawLength: 0xffffffff })),
  stream("QVF_DEFLATE", SCRIPT, "states more than deflate can hold", () => frame(json({}), { rawLength: 1 << 24 })),
  stream("QVF_DEFLATE", SCRIPT, "states a byte less", () => frame(json({ qScript: "x" }), { rawLength: 15 })),
  stream("QVF_DEFLATE", SCRIPT, "states a byte more", () => frame(json({ qScript: "x" }), { rawLength: 17 })),
  stream("QVF_DEFLATE", SCRIPT, "a bomb that states little", () => {
    return frame(new Uint8Array(60_000_000), { rawLength: 1000 });
  }),
  stream("QVF_DEFLATE", SCRIPT, "no zlib header", (bytes) => void bytes.fill(0, 32, 34)),
  stream("QVF_DEFLATE", SCRIPT, "wrong Adler-32", (bytes) => void (bytes[bytes.byteLength - 1]! ^= 1)),
  stream("QVF_DEFLATE", SCRIPT, "a flipped bit", (bytes) => void (bytes[60]! ^= 4)),
  stream("QVF_DEFLATE", SCRIPT, "bytes after the zlib stream", () => {
    const raw = json({ qScript: "x" });
    return frame(raw, { compressed: concat([new Uint8Array(deflateSync(raw)), new Uint8Array(5)]) });
  }),
  stream("QVF_JSON", SCRIPT, "text that is not JSON", () => frame(utf8("qScript\0"))),
  stream("QVF_JSON", SCRIPT, "text that is not UTF-8", () => frame(Uint8Array.of(0x22, 0xff, 0x22, 0))),
  stream("QVF_JSON", SCRIPT, "no script in it", () => frame(json({ qText: "x" }))),
  stream("QVF_JSON", SCRIPT, "a list", () => frame(json([1]))),
  stream("QVF_DEFLATE", "media/a.png", "wrong Adler-32", (bytes) => void (bytes[bytes.byteLength - 2]! ^= 1)),
  stream("QVF_JSON", "qvapp_approperties", "a number", () => frame(json(1))),
  stream("QVF_JSON", "qvapp_meta", "text that is not JSON", () => frame(utf8("{\0"))),
];

const HEADER = "qvapp_header";
const DATA = "qvapp_data";
/** Offset of the number of fields in `qvapp_data`: after `03 "1.0"` and a zero. */
const FIELD_COUNT = 8;

const MODEL: readonly QvfFault[] = [
  stream("QVF_JSON", HEADER, "not JSON", () => utf8("{\0")),
  stream("QVF_JSON", HEADER, "null", () => utf8("null\0")),
  stream("QVF_SCRAMBLED", HEADER, "scrambled", () => json({ ScrambleA: 7, ScrambleB: 1 })),
  stream("QVF_ENCRYPTED", HEADER, "encrypted by Qlik", () => json({ ScrambleA: 0, EncryptionKeyThumbprint: "AB12" })),
  { name: "no qvapp_header", code: "QVF_MODEL", bytes: () => withoutStream(HEADER) },
  { name: "no qvapp_data", code: "QVF_MODEL", bytes: () => withoutStream(DATA) },
  { name: "no stream of a field", code: "QVF_MODEL", bytes: () => withoutStream("data/field_3") },
  { name: "no stream of a table", code: "QVF_MODEL", bytes: () => withoutStream("data/table_1") },
  stream("QVF_MODEL", DATA, "empty", () => new Uint8Array(0)),
  stream("QVF_MODEL", DATA, "another version", (bytes) => void bytes.fill(0x32, 1, 2)),
  stream("QVF_MODEL", DATA, "another number after the version", (_, set) => set.u32(4, 1)),
  stream("LIMIT_EXCEEDED", DATA, "4 G fields", (_, set) => set.u32(FIELD_COUNT, 0xffffffff)),
  stream("QVF_MODEL", DATA, "more fields than there are names", (_, set) => set.u32(FIELD_COUNT, 10_000)),
  stream("QVF_MODEL", DATA, "cut within the names", (bytes) => bytes.slice(0, 20)),
  stream("QVF_MODEL", DATA, "name that is not UTF-8", (bytes) => void bytes.fill(0xff, 14, 16)),
  stream("LIMIT_EXCEEDED", DATA, "4 G tables", (bytes, set) => set.u32(afterNames(bytes), 0xffffffff)),
  stream("QVF_MODEL", DATA, "more tables than there are", (bytes, set) => set.u32(afterNames(bytes), 6)),
  stream("QVF_MODEL", DATA, "4 G synthetic keys", (bytes, set) => set.u32(afterNames(bytes) + 4, 0xffffffff)),
  stream("QVF_MODEL", DATA, "4 G variables", (bytes, set) => set.u32(afterNames(bytes) + 16, 0xffffffff)),
  stream("QVF_MODEL", DATA, "variable that is none", (bytes, set) => {
    set.u32(afterNames(bytes) + 16, 1);
    bytes[afterNames(bytes) + 20] = 9;
  }),
];

function afterNames(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = FIELD_COUNT + 4;
  for (let k = view.getUint32(FIELD_COUNT, true); k > 0; k--) at += 1 + bytes[at]!;
  return at;
}

/** The fields Key (consecutive), Text and Amount come after the six of Qlik's own. */
const KEY = "data/field_6";
const TEXT = "data/field_7";
/** Offsets in a field stream with empty formats: class, base, blob. */
const CLASS = 38;
const BASE = 42;
const BLOB = 46;
const TAIL = 111;

/** A field stream with other symbols: a blob of these bytes, and counts in the tail that fit `count`. */
function symbols(bytes: Uint8Array, fieldClass: number, content: Uint8Array, count: number): Uint8Array {
  const compressed = new Uint8Array(deflateSync(content));
  const head = new Uint8Array(12);
  const set = editing(head);
  set.u32(0, content.byteLength);
  set.u32(4, 262_144);
  set.u32(8, compressed.byteLength);
  const tail = bytes.slice(-TAIL);
  editing(tail).u32(TAIL - 34, count);
  editing(tail).u32(TAIL - 30, 0);
  const start = bytes.slice(0, BLOB);
  editing(start).u32(CLASS, fieldClass);
  return concat([start, head, compressed, tail]);
}

function content(count: number, ...entries: readonly (readonly number[])[]): Uint8Array {
  const head = new Uint8Array(8);
  editing(head).u32(4, count);
  return concat([head, Uint8Array.from(entries.flat())]);
}

const FIELDS: readonly QvfFault[] = [
  stream("QVF_FIELD", TEXT, "empty", () => new Uint8Array(0)),
  stream("QVF_FIELD", TEXT, "class that is not known", (_, set) => set.u32(CLASS, 9)),
  stream("QVF_FIELD", TEXT, "format that is not UTF-8", (bytes) =>
    concat([bytes.slice(0, 12), Uint8Array.of(1, 0xff), bytes.slice(13)]),
  ),
  stream("QVF_FIELD", TEXT, "format that runs past the end", (bytes) => void bytes.fill(0xfe, 12, 13)),
  stream("QVF_FIELD", TEXT, "chunks of another size", (_, set) => set.u32(BLOB + 4, 1024)),
  stream("QVF_FIELD", TEXT, "more chunks than fit", (_, set) => set.u32(BLOB, 0xffffffff)),
  stream("QVF_FIELD", TEXT, "chunk of 4 GiB", (_, set) => set.u32(BLOB + 8, 0xffffffff)),
  stream("QVF_FIELD", TEXT, "cut in its tail", (bytes) => bytes.slice(0, -10)),
  stream("QVF_FIELD", TEXT, "number of another field", (bytes, set) => set.u32(bytes.byteLength - TAIL + 28, 3)),
  stream("QVF_FIELD", TEXT, "comments that are none", (bytes, set) => set.u32(bytes.byteLength - TAIL + 32, 5)),
  stream("QVF_DEFLATE", TEXT, "states more than deflate can hold", (_, set) => set.u32(BLOB, 250_000)),
  stream("QVF_DEFLATE", TEXT, "a flipped bit", (bytes) => void (bytes[BLOB + 20]! ^= 8)),
  stream("QVF_SYMBOL", TEXT, "symbols that do not begin with 0", (bytes) =>
    symbols(bytes, 1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 0),
  ),
  stream("QVF_SYMBOL", TEXT, "content of three bytes", (bytes) => symbols(bytes, 1, new Uint8Array(3), 3)),
  stream("QVF_SYMBOL", TEXT, "4 G symbols", (bytes) => symbols(bytes, 1, content(0xffffffff), 3)),
  stream("QVF_SYMBOL", TEXT, "one symbol less than stated", (bytes) =>
    symbols(bytes, 1, content(3, [4, 0], [4, 0]), 3),
  ),
  stream("QVF_SYMBOL", TEXT, "other count than in the tail", (bytes) =>
    symbols(bytes, 1, content(2, [4, 0], [4, 0]), 3),
  ),
  stream("QVF_SYMBOL", TEXT, "type byte 3", (bytes) => symbols(bytes, 1, content(1, [3, 0]), 3)),
  stream("QVF_SYMBOL", TEXT, "type byte 0", (bytes) => symbols(bytes, 1, content(1, [0, 0]), 3)),
  stream("QVF_SYMBOL", TEXT, "text that runs past the end", (bytes) => symbols(bytes, 1, content(1, [4, 200, 65]), 3)),
  stream("QVF_SYMBOL", TEXT, "text of 4 GiB", (bytes) =>
    symbols(bytes, 1, content(1, [4, 255, 255, 255, 255, 255]), 3),
  ),
  stream("QVF_SYMBOL", TEXT, "number that runs past the end", (bytes) =>
    symbols(bytes, 0, content(1, [2, 0, 0, 0]), 3),
  ),
  stream("QVF_SYMBOL", TEXT, "dual without its number", (bytes) => symbols(bytes, 0, content(1, [6, 1, 65]), 3)),
  stream("QVF_SYMBOL", TEXT, "bytes after the last symbol", (bytes) =>
    symbols(bytes, 1, content(1, [4, 0], [9, 9]), 3),
  ),
  stream("BYTES_UTF8", TEXT, "text that is not UTF-8", (bytes) =>
    symbols(bytes, 1, content(3, [4, 1, 255], [4, 0], [4, 1, 65]), 3),
  ),
  stream("QVF_SYMBOL", KEY, "integers with more than a count", (bytes) => symbols(bytes, 7, new Uint8Array(8), 7)),
  stream("LIMIT_EXCEEDED", KEY, "4 G integers", (bytes) => symbols(bytes, 7, new Uint8Array(4).fill(0xff), 7)),
  stream("QVF_SYMBOL", KEY, "integers beyond 32 bits", (_, set) => set.i32(BASE, 0x7fffffff)),
  stream("QVF_FIELD", KEY, "decimals that do not begin with 0", (_, set) => set.u32(CLASS, 6)),
  stream("LIMIT_EXCEEDED", KEY, "4 G decimals", (_, set) => {
    set.u32(CLASS, 6);
    set.u32(BLOB, 0);
    set.u32(BLOB + 4, 0xffffffff);
  }),
  stream("QVF_FIELD", KEY, "more decimals than there are bytes", (_, set) => {
    set.u32(CLASS, 6);
    set.u32(BLOB, 0);
    set.u32(BLOB + 4, 1000);
  }),
  stream("QVF_SYMBOL", KEY, "decimals of 10^-40", (bytes) => {
    const start = bytes.slice(0, BLOB);
    editing(start).u32(CLASS, 6);
    editing(start).i32(BASE, 40);
    const seven = new Uint8Array(8 + 28);
    editing(seven).u32(4, 7);
    return concat([start, seven, bytes.slice(-TAIL)]);
  }),
];

const FACTS = "data/table_0";
/** Offsets in the stream of the table Facts: name, source, 8 bytes, columns, rows, -1, 0, synthetic; then 27 bytes each. */
const COLUMNS = 6 + 1 + 8;
const ROWS = COLUMNS + 4;
const FIRST_COLUMN = COLUMNS + 20;
const VECTORS = FIRST_COLUMN + 4 * 27 + 4;

const TABLES: readonly QvfFault[] = [
  stream("QVF_TABLE", FACTS, "empty", () => new Uint8Array(0)),
  stream("QVF_TABLE", FACTS, "name that is not UTF-8", (bytes) => void bytes.fill(0xff, 2, 4)),
  stream("QVF_TABLE", FACTS, "name that runs past the end", (bytes) => void bytes.fill(0xfe, 0, 1)),
  stream("LIMIT_EXCEEDED", FACTS, "4 G columns", (_, set) => set.u32(COLUMNS, 0xffffffff)),
  stream("QVF_TABLE", FACTS, "more columns than fit", (_, set) => set.u32(COLUMNS, 8_000)),
  stream("QVF_TABLE", FACTS, "no -1 before its columns", (_, set) => set.i32(ROWS + 4, 0)),
  stream("QVF_TABLE", FACTS, "column that does not begin with 0", (_, set) => set.u32(FIRST_COLUMN, 1)),
  stream("QVF_TABLE", FACTS, "column of a field that is not there", (_, set) => set.u32(FIRST_COLUMN + 4, 500)),
  stream("QVF_TABLE", FACTS, "column of a field below 0", (_, set) => set.i32(FIRST_COLUMN + 4, -1)),
  stream("QVF_TABLE", FACTS, "bias -3", (_, set) => set.i32(FIRST_COLUMN + 8, -3)),
  stream("QVF_TABLE", FACTS, "bias 2^31 - 1", (_, set) => set.i32(FIRST_COLUMN + 8, 0x7fffffff)),
  stream("QVF_TABLE", FACTS, "33 bits", (_, set) => set.u32(FIRST_COLUMN + 20, 33)),
  stream("QVF_TABLE", FACTS, "32 bits where 3 are stored", (_, set) => set.u32(FIRST_COLUMN + 20, 32)),
  stream("QVF_TABLE", FACTS, "rows that do not begin with -987", (_, set) => set.i32(VECTORS - 4, 987)),
  stream("LIMIT_EXCEEDED", FACTS, "4 G rows", (_, set) => set.u32(ROWS, 0xffffffff)),
  stream("QVF_TABLE", FACTS, "a row more than stored", (_, set) => set.u32(ROWS, 22)),
  stream("QVF_TABLE", FACTS, "vector of another length", (_, set) => set.u32(VECTORS, 100)),
  stream("QVF_TABLE", FACTS, "vector of 4 GiB compressed", (_, set) => set.u32(VECTORS + 4, 0xffffffff)),
  stream("QVF_TABLE", FACTS, "cut in its vectors", (bytes) => bytes.slice(0, -5)),
  stream("QVF_DEFLATE", FACTS, "a flipped bit", (bytes) => void (bytes[VECTORS + 14]! ^= 2)),
  stream("QVF_INDEX", FACTS, "an index beyond the symbols", (_, set) => set.i32(FIRST_COLUMN + 8, 100)),
  stream("QVF_INDEX", FACTS, "a constant column beyond the symbols", (_, set) => set.i32(FIRST_COLUMN + 3 * 27 + 8, 1)),
];

const ACCESS = "qvapp_qaccess";

const ACCESS_FAULTS: readonly QvfFault[] = [
  stream("QVF_TABLE", ACCESS, "empty", () => new Uint8Array(0)),
  stream("QVF_TABLE", ACCESS, "does not begin with 0", (_, set) => set.u32(0, 1)),
  stream("LIMIT_EXCEEDED", ACCESS, "4 G fields", (_, set) => set.u32(4, 0xffffffff)),
  stream("QVF_TABLE", ACCESS, "more fields than fit", (_, set) => set.u32(4, 8_000)),
  stream("QVF_TABLE", ACCESS, "cut within a field", (bytes) => bytes.slice(0, 100)),
  stream("QVF_TABLE", ACCESS, "cut within its table", (bytes) => bytes.slice(0, -3 * 42 - 40)),
  stream("QVF_TABLE", ACCESS, "something unknown after its tables", (bytes, set) =>
    set.u32(bytes.byteLength - 3 * 42 - 3 - 12, 1),
  ),
  stream("QVF_TABLE", ACCESS, "more than one state", (bytes, set) => set.u32(bytes.byteLength - 3 * 42 - 3 - 4, 2)),
  stream("QVF_INDEX", ACCESS, "a row that is the pseudo symbol", (bytes, set) => {
    // ACCESS has two values and the pseudo symbol; with a bias of 1 the row of the second one is the third.
    set.i32(indexOf(bytes, "Access") + 6 + 1 + 8 + 20 + 8, 1);
  }),
];

function indexOf(bytes: Uint8Array, text: string): number {
  return new TextDecoder("latin1").decode(bytes).indexOf(text);
}

/** Every fault there is. */
export const QVF_FAULTS: readonly QvfFault[] = [
  ...CONTAINER,
  ...DIRECTORY,
  ...FRAMES,
  ...MODEL,
  ...FIELDS,
  ...TABLES,
  ...ACCESS_FAULTS,
];
