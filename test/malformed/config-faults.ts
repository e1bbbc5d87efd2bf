import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../../src/engine/app-build.ts";
import { AUDIT_START, type AuditEvent, chain, fileAuditLog } from "../../src/engine/audit.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { readCase } from "../../src/reduce/case-format.ts";
import { type Fault, type FaultKind, jsonFault, textFault, utf8 } from "./fault.ts";

/** Runs `work` on a file with these bytes, in a folder of its own. */
async function onFile<T>(name: string, bytes: Uint8Array, work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "qvault-malformed-"));
  try {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return await work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const goodCase = () => ({
  name: "good",
  tables: {
    T: {
      fields: ["R", "V"],
      rows: [
        ["n", 1],
        ["s", { num: 2, text: "02" }],
      ] as unknown[][],
    } as Record<string, unknown>,
  },
  sectionAccess: { fields: ["ACCESS", "USERID", "R"], rows: [["USER", "A", "n"]] } as Record<string, unknown>,
  user: { userId: "A", groups: ["g"] } as Record<string, unknown>,
  options: { strict: true } as Record<string, unknown>,
  expect: { denied: false } as Record<string, unknown>,
});
type Case = ReturnType<typeof goodCase>;
const caseFault = (name: string, edit: (c: Case) => unknown) => jsonFault(goodCase, "ACCESS_CASE", name, edit);

const ACCESS_CASES: readonly Fault[] = [
  textFault("ACCESS_CASE", "nothing", ""),
  textFault("ACCESS_CASE", "no JSON", "{"),
  textFault("ACCESS_CASE", "a list", "[]"),
  textFault("ACCESS_CASE", "null", "null"),
  textFault("ACCESS_CASE", "a number", "1"),
  textFault(
    "ACCESS_CASE",
    "a value that would be rounded to another",
    JSON.stringify(goodCase()).replace('["n",1]', '["n",9007199254740993]'),
  ),
  ...["tables", "expect"].map((key) =>
    caseFault(`without "${key}"`, (c) => void delete (c as Record<string, unknown>)[key]),
  ),
  ...["tables", "sectionAccess", "user", "options", "expect"].map((key) =>
    caseFault(`"${key}" that is a text`, (c) => void ((c as Record<string, unknown>)[key] = "x")),
  ),
  caseFault("a name that is a number", (c) => void ((c as Record<string, unknown>).name = 1)),
  caseFault("a table without fields", (c) => void delete (c.tables.T as Record<string, unknown>).fields),
  caseFault("a table without rows", (c) => void delete (c.tables.T as Record<string, unknown>).rows),
  caseFault("a field that is a number", (c) => void ((c.tables.T as Record<string, unknown>).fields = ["R", 1])),
  caseFault("rows that are an object", (c) => void ((c.tables.T as Record<string, unknown>).rows = {})),
  caseFault("a row that is a text", (c) => void ((c.tables.T as Record<string, unknown>).rows = ["x"])),
  caseFault("a cell that is true", (c) => void ((c.tables.T as Record<string, unknown>).rows = [["n", true]])),
  caseFault("a cell that is a list", (c) => void ((c.tables.T as Record<string, unknown>).rows = [["n", []]])),
  caseFault(
    "a dual without its number",
    (c) => void ((c.tables.T as Record<string, unknown>).rows = [["n", { text: "1" }]]),
  ),
  caseFault(
    "a dual whose number is a text",
    (c) => void ((c.tables.T as Record<string, unknown>).rows = [["n", { num: "1", text: "1" }]]),
  ),
  caseFault("section access without fields", (c) => void delete c.sectionAccess.fields),
  caseFault("section access tables that are a text", (c) => void (c.sectionAccess = { tables: "x" })),
  caseFault("groups that are a number", (c) => void (c.user.groups = 7)),
  caseFault("a user id that is a number", (c) => void (c.user.userId = 1)),
  caseFault("a member of the user that there is not", (c) => void (c.user.colour = "red")),
  caseFault("an option that there is not", (c) => void (c.options.stict = true)),
  caseFault("a mode that there is not", (c) => void (c.options.mode = "qlikwatch")),
  caseFault("strict that is a text", (c) => void (c.options.strict = "yes")),
  caseFault("denied that is a text", (c) => void (c.expect.denied = "no")),
  caseFault("expected rows that are a text", (c) => void (c.expect.tables = { T: { rows: "x" } })),
];

const goodManifest = () => ({
  title: "Good",
  scriptText: "LOAD 1;",
  tables: [{ name: "T", fields: ["A", "B"], rows: [[1, "x"]] as unknown[][] }] as Record<string, unknown>[],
});
type Manifest = Record<string, unknown> & ReturnType<typeof goodManifest>;
const manifestFault = (name: string, edit: (m: Manifest) => unknown, code: ErrorCode = "APP_MANIFEST") =>
  jsonFault(goodManifest as () => Manifest, code, name, edit);

const withCell = (cell: string) =>
  JSON.stringify({ ...goodManifest(), tables: [{ name: "T", fields: ["A"], rows: [["CELL"]] }] }).replace(
    '"CELL"',
    cell,
  );

const MANIFESTS: readonly Fault[] = [
  textFault("APP_MANIFEST", "nothing", ""),
  textFault("APP_MANIFEST", "no JSON", "{"),
  textFault("APP_MANIFEST", "a list", "[]"),
  textFault("APP_MANIFEST", "null", "null"),
  { code: "BYTES_UTF8", name: "bytes that are no UTF-8", bytes: () => Uint8Array.of(0x7b, 0xff, 0x7d) },
  manifestFault("a member that there is not", (m) => void (m.colour = 1)),
  manifestFault("no title", (m) => void delete (m as Record<string, unknown>).title),
  manifestFault("a title that is a number", (m) => void ((m as Record<string, unknown>).title = 1)),
  manifestFault("a script twice", (m) => void (m.script = "a.qvs")),
  manifestFault("a script that is a list", (m) => void ((m as Record<string, unknown>).scriptText = [])),
  manifestFault("tables that are an object", (m) => void ((m as Record<string, unknown>).tables = {})),
  manifestFault("section access that is an object", (m) => void (m.sectionAccess = {})),
  manifestFault("a table that is null", (m) => void (m.tables[0] = null as never)),
  manifestFault("a table without a name", (m) => void delete m.tables[0]!.name),
  manifestFault("a table of no name", (m) => void (m.tables[0]!.name = "")),
  manifestFault("a table of the system's", (m) => void (m.tables[0]!.name = "$Syn 1")),
  manifestFault("two tables of one name", (m) => void m.tables.push(m.tables[0]!)),
  manifestFault("fields of a file", (m) => void (m.tables[0] = { file: "none.qvd", fields: ["A"] })),
  manifestFault("a member of a table that there is not", (m) => void (m.tables[0]!.colour = 1)),
  manifestFault("a file that is a number", (m) => void (m.tables[0]!.file = 1)),
  manifestFault("a file that is not there", (m) => void (m.tables[0] = { file: "none.qvd" }), "SOURCE_NOT_FOUND"),
  manifestFault(
    "a script that is not there",
    (m) => {
      delete (m as Record<string, unknown>).scriptText;
      m.script = "none.qvs";
    },
    "SOURCE_NOT_FOUND",
  ),
  manifestFault("fields that are a text", (m) => void (m.tables[0]!.fields = "A")),
  manifestFault("a field that is null", (m) => void (m.tables[0]!.fields = ["A", null])),
  manifestFault("a row too short", (m) => void (m.tables[0]!.rows = [[1]])),
  manifestFault("a row that is a text", (m) => void (m.tables[0]!.rows = ["ab"])),
  manifestFault("a cell that is true", (m) => void (m.tables[0]!.rows = [[1, true]])),
  manifestFault("a cell that is a list", (m) => void (m.tables[0]!.rows = [[1, []]])),
  textFault("APP_MANIFEST", "a cell that would be rounded", withCell("9007199254740993")),
  textFault("APP_MANIFEST", "a cell beyond a double", withCell('{"number":1e999,"text":"x"}')),
  manifestFault("half a pair in the script", (m) => void ((m as Record<string, unknown>).scriptText = "\ud83d")),
  manifestFault("an extracted app that is none", (m) => void (m.kind = "qvault-app")),
  textFault(
    "APP_MANIFEST",
    "an extracted app with a file outside its folder",
    JSON.stringify({
      kind: "qvault-app",
      version: 1,
      asAdmin: false,
      streams: [{ path: "a", time: 1, meta: "{}", file: "../../etc/passwd", format: "raw" }],
    }),
  ),
  textFault(
    "APP_MANIFEST",
    "an extracted app with a file by its full path",
    JSON.stringify({
      kind: "qvault-app",
      version: 1,
      asAdmin: false,
      streams: [{ path: "a", time: 1, meta: "{}", file: "/etc/passwd", format: "raw" }],
    }),
  ),
];

const EVENT: AuditEvent = {
  time: "2026-01-01T00:00:00Z",
  user: { userid: "A" },
  app: "a",
  version: "v",
  mode: "qlik-sense",
  outcome: "opened",
};
const line = (seq: number, previous: string) => chain(EVENT, seq, previous);
const goodLog = () => utf8(`${line(1, AUDIT_START)}\n`);
const hashed = (body: string): string => line(1, AUDIT_START).replace(/^.*(?=,"hash")/s, () => body);
const logFault = (name: string, text: () => string): Fault => ({
  code: "AUDIT_BROKEN",
  name,
  bytes: () => utf8(text()),
});

/** Faults of the last whole line, to which the next is chained; what is behind it, a killed process left. */
const LOGS: readonly Fault[] = [
  logFault("a line changed", () => `${line(1, AUDIT_START).replace('"A"', '"B"')}\n`),
  logFault("an empty line at the end", () => `${line(1, AUDIT_START)}\n\n`),
  logFault("a line of something else", () => "hello\n"),
  logFault("JSON without a hash", () => '{"seq":1}\n'),
  logFault("a hash that is another", () => `${hashed('{"seq":1')}\n`),
  logFault(
    "a hash in capital letters",
    () => `${line(1, AUDIT_START).replace(/"hash":"[0-9a-f]+"/, (m) => m.toUpperCase())}\n`,
  ),
];

export const CONFIG_KINDS: readonly FaultKind[] = [
  {
    kind: "access-case",
    faults: ACCESS_CASES,
    good: () => utf8(JSON.stringify(goodCase())),
    read: (bytes) => readCase(new TextDecoder().decode(bytes)),
    classes: ["damaged"],
  },
  {
    kind: "app-manifest",
    faults: MANIFESTS,
    good: () => utf8(JSON.stringify(goodManifest())),
    read: (bytes) => onFile("manifest.json", bytes, async (path) => (await buildApp(path)).close()),
    classes: ["usage", "damaged", "read"],
  },
  {
    kind: "audit-log",
    faults: LOGS,
    good: goodLog,
    read: (bytes) => onFile("audit.jsonl", bytes, (path) => fileAuditLog(path).append(EVENT)),
    classes: ["damaged"],
  },
];
