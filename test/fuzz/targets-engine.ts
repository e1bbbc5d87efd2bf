import { readFileSync, rmSync } from "node:fs";
import { decodeUtf8 } from "../../src/bytes/utf8.ts";
import { buildApp } from "../../src/engine/app-build.ts";
import { digestApp } from "../../src/engine/app-digest.ts";
import { writeApp } from "../../src/engine/app-write.ts";
import { AUDIT_START, type AuditEvent, chain, fileAuditLog } from "../../src/engine/audit.ts";
import { verifyAuditLog } from "../../src/engine/audit-verify.ts";
import { openQvfApp } from "../../src/engine/qvf-app.ts";
import { openJournal } from "../../src/engine/rotate-journal.ts";
import { readCase } from "../../src/reduce/case-format.ts";
import { runCase } from "../../src/reduce/case-run.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { mutateJson, mutateJsonLines } from "./mutate-text.ts";
import { type Mutator, must, type Target } from "./target.ts";
import { temporaryFile } from "./targets-keys.ts";

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const CASE = {
  name: "seed",
  tables: {
    Sales: {
      fields: ["REGION", "Amount"],
      rows: [
        ["NORTH", 1],
        ["SOUTH", 2],
        [null, 3],
      ],
    },
    Regions: {
      fields: ["REGION", "Name", "SECRET"],
      rows: [
        ["NORTH", "n", "x"],
        ["SOUTH", { num: 1, text: "01" }, "y"],
      ],
    },
  },
  sectionAccess: {
    fields: ["ACCESS", "USERID", "GROUP", "REGION", "OMIT"],
    rows: [
      ["USER", "A", "*", "NORTH", "SECRET"],
      ["ADMIN", "B", null, "*", null],
    ],
  },
  user: { userId: "A", groups: ["g"] },
  options: { strict: true },
  expect: { denied: false, tables: { Sales: { rows: [["NORTH", 1]] } } },
};

const accessCase: Target = {
  name: "access-case",
  files: [
    "reduce/case-format.ts",
    "reduce/case-run.ts",
    "reduce/json-at.ts",
    "reduce/access-table.ts",
    "reduce/grants.ts",
    "reduce/select.ts",
    "reduce/rules.ts",
    "reduce/identity.ts",
    "table/model-cells.ts",
  ],
  maxBytes: 8 * 1024,
  mutators: [mutateJson, mutateJson],
  words: [
    "ADMIN",
    "USER",
    "*",
    "OMIT",
    "GROUP",
    "USERID",
    "USER.EMAIL",
    "NTNAME",
    "SERIAL",
    '"tables"',
    '"sectionAccess"',
    "qlikview",
  ],
  seeds: async () => [
    json(CASE),
    json({ ...CASE, sectionAccess: null }),
    json({
      ...CASE,
      sectionAccess: { tables: [CASE.sectionAccess, { fields: ["ACCESS", "NTNAME"], rows: [["USER", "N"]] }] },
    }),
    json({ ...CASE, options: { mode: "qlikview", combine: "tuples", onEmpty: "empty", unknownOmit: "deny" } }),
    json({ ...CASE, expect: { denied: true, reason: "x" } }),
  ],
  run(data) {
    runCase(readCase(decodeUtf8(data, "case")));
  },
};

const EVENT: AuditEvent = {
  time: "2026-01-01T00:00:00Z",
  user: { userid: "A", groups: ["g"] },
  app: "a",
  version: "v",
  mode: "qlik-sense",
  outcome: "opened",
  rows: { T: 1 },
};

function chained(events: readonly object[]): Uint8Array {
  let previous = AUDIT_START;
  const lines = events.map((event, i) => {
    const line = chain(event as AuditEvent, i + 1, previous);
    previous = line.slice(-66, -2);
    return `${line}\n`;
  });
  return new TextEncoder().encode(lines.join(""));
}

/** Changes events and chains them anew, as somebody would who can write the file. */
const rechain: Mutator = async (data, random, other) => {
  try {
    const lines = new TextDecoder().decode(data).trimEnd().split("\n");
    const events = lines.map((line) => ({
      ...(JSON.parse(line) as object),
      seq: undefined,
      previous: undefined,
      hash: undefined,
    }));
    const changed = JSON.parse(new TextDecoder().decode(await mutateJson(json(events), random, other))) as object[];
    return chained(changed);
  } catch {
    return mutateJsonLines(data, random, other);
  }
};

/** A line that is no JSON, with the right hash over it. */
const hashed: Mutator = async (data, random, other) => {
  const { createHash } = await import("node:crypto");
  const body = `{${new TextDecoder()
    .decode(await mutateJsonLines(data, random, other))
    .replaceAll(/[{}\n]/g, "")
    .slice(0, 200)}`;
  const hash = createHash("sha256").update(`${body}}`).digest("hex");
  return new TextEncoder().encode(`${body},"hash":"${hash}"}\n`);
};

const auditLog: Target = {
  name: "audit-log",
  files: ["engine/audit.ts", "engine/audit-verify.ts", "engine/text-lines.ts"],
  maxBytes: 8 * 1024,
  mutators: [rechain, hashed, mutateJsonLines],
  seeds: async () => [chained([EVENT]), chained([EVENT, { ...EVENT, outcome: "denied" }, EVENT]), new Uint8Array(0)],
  async run(data) {
    const path = temporaryFile("audit.jsonl", data);
    const before = await verifyAuditLog(path);
    await fileAuditLog(path).append(EVENT);
    const after = await verifyAuditLog(path);
    must(after.lines === before.lines + 1, "a line more is not one line more");
    // Half a line at the end is taken away, and the next one says so.
    const lasting = before.findings.filter((finding) => finding.what !== "cut short");
    must(after.findings.length === lasting.length, "a log is better or worse for a line more");
  },
};

const MANIFEST = {
  title: "Seed",
  scriptText: "LOAD 1;",
  tables: [
    {
      name: "Sales",
      fields: ["REGION", "Amount"],
      rows: [
        ["NORTH", 1],
        ["SOUTH", 2.5],
        [null, { number: 1, text: "01" }],
      ],
    },
    { name: "Regions", fields: ["REGION", "Name"], rows: [["NORTH", "n"]] },
  ],
  sectionAccess: [
    {
      name: "Access",
      fields: ["ACCESS", "USERID", "REGION"],
      rows: [
        ["ADMIN", "B", "*"],
        ["USER", "A", "NORTH"],
      ],
    },
  ],
};
const EXTRACTED = {
  kind: "qvault-app",
  version: 1,
  script: "s.qvs",
  streams: [{ path: "qvapp_header", time: 45000, meta: "{}", file: "h", format: "raw" }],
};

const appManifest: Target = {
  name: "app-manifest",
  files: [
    "engine/app-build.ts",
    "engine/app-files.ts",
    "engine/app-write.ts",
    "table/qvf-draft.ts",
    "table/memory-table.ts",
    "table/qvf-encode.ts",
  ],
  maxBytes: 8 * 1024,
  mutators: [mutateJson, mutateJson, mutateJson],
  words: ['"file"', '"rows"', '"script"', "..", "/", "$x"],
  seeds: async () => [json(MANIFEST), json({ title: "", tables: [] }), json(EXTRACTED)],
  async run(data) {
    const built = await buildApp(temporaryFile("manifest.json", data), { created: new Date("2026-01-01T00:00:00Z") });
    const sink = memorySink();
    await writeApp(sink, built.parts);
    await sink.commit();
    await built.close();
    await digestApp(await openQvfApp(memorySource(sink.result())));
  },
};

const JOB = "job";
const journal: Target = {
  name: "rotation-journal",
  files: ["engine/rotate-journal.ts"],
  maxBytes: 8 * 1024,
  mutators: [mutateJsonLines],
  words: ['"done"', '"end"', '"file"', "null", "[]"],
  seeds: async () => {
    const lines = [
      { state: "begin" },
      { state: "done", file: "a.qvd" },
      { state: "unchanged", file: "b.qvd" },
      { state: "failed", file: "c.qvd" },
      { state: "end" },
      { state: "done", file: "d.qvd" },
    ];
    return [2, 4, 6].map((n) =>
      new TextEncoder().encode(
        lines
          .slice(0, n)
          .map((line) => `${JSON.stringify({ job: JOB, at: "x", ...line })}\n`)
          .join(""),
      ),
    );
  },
  async run(data) {
    const path = temporaryFile("journal.jsonl", data);
    const first = await openJournal(path, JOB);
    must(
      [...first.done].every(([file, is]) => typeof file === "string" && typeof is === "string"),
      "a journal says that something is done that is no file",
    );
    await first.write({ state: "done", file: "new.qvd" });
    await first.close();
    const second = await openJournal(path, JOB);
    must(second.done.has("new.qvd"), "what was written down last is not found");
    await second.close();
    must(readFileSync(path).subarray(0, data.byteLength).equals(data), "a journal lost what it held");
    rmSync(path);
  },
};

export const ENGINE_TARGETS: readonly Target[] = [accessCase, auditLog, appManifest, journal];
