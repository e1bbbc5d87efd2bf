import { describe, expect, it } from "vitest";
import { BaseApp, type BaseAppOptions, type OpenAs } from "../../src/engine/access-app.ts";
import { loadApp } from "../../src/engine/access-load.ts";
import { newAppParts, writeApp } from "../../src/engine/app-write.ts";
import type { AuditEvent } from "../../src/engine/audit.ts";
import { isQErr } from "../../src/errors.ts";
import { KernelOps } from "../../src/reduce/kernel-ops.ts";
import { type RowOps, SCRIPT_OPS } from "../../src/reduce/semijoin.ts";
import { countingSource } from "../../src/source/counting.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";

/** Facts between two dimensions and a table behind one of them: 2,000 rows, so that the kernel goes in many runs. */
async function appBytes(): Promise<Uint8Array> {
  const rows = Array.from({ length: 2000 }, (_, row) => row);
  const tables = [
    memoryTable(
      "Facts",
      ["CITY", "ITEM", "N"],
      [rows.map((r) => `c${r % 40}`), rows.map((r) => (r < 100 ? "i0" : `i${1 + (r % 7)}`)), rows],
    ),
    memoryTable(
      "Cities",
      ["CITY", "LAND"],
      [rows.slice(0, 40).map((r) => `c${r}`), rows.slice(0, 40).map((r) => `L${r % 4}`)],
    ),
    memoryTable(
      "Lands",
      ["LAND", "Name"],
      [
        ["L0", "L1", "L2", "L3"],
        [1, 2, 3, 4],
      ],
    ),
    memoryTable(
      "Items",
      ["ITEM", "Kind"],
      [
        ["i0", "i1", "i2", "lone"],
        ["a", "b", "c", "d"],
      ],
    ),
  ];
  const users: Cell[][] = [
    ["USER", "SEES", "L1", "i1", ""],
    ["USER", "NO-MATCH", "L9", "i1", ""],
    ["USER", "TWO-MISSES", "L9", "i9", ""],
    ["USER", "BLANK", "", "", ""],
    ["USER", "NEVER-MEET", "L1", "lone", ""],
    ["GUEST", "NO-LEVEL", "L1", "i1", ""],
    ["USER", "ODD-OMIT", "L1", "i1", "NO FIELD"],
    ["ADMIN", "ADMIN-EMPTY", "L1", "lone", ""],
  ];
  const access = memoryTable(
    "Access",
    ["ACCESS", "USERID", "LAND", "ITEM", "OMIT"],
    [0, 1, 2, 3, 4].map((k) => users.map((row) => row[k]!)),
  );
  const sink = memorySink();
  const made = { tables: await Promise.all(tables.map((t) => appTable(t))), access: [await appTable(access)] };
  await writeApp(sink, await newAppParts({ title: "T", script: "", ...made }));
  await sink.commit();
  return sink.result();
}

/** Counts calls of the loops and the rows they are given. */
function watched(ops: RowOps) {
  const count = { tests: 0, testRows: 0, scatters: 0, scatterRows: 0, runs: 0 };
  const counting: RowOps = {
    test(index, state, rows) {
      count.tests++;
      count.testRows += index.length;
      ops.test(index, state, rows);
    },
    scatter(index, rows, state) {
      count.scatters++;
      count.scatterRows += index.length;
      ops.scatter(index, rows, state);
    },
    saved: () => ops.saved(),
    spend(runs) {
      ops.spend(runs);
    },
    wipe: () => ops.wipe(),
  };
  return { counting, count };
}

const DENIED: readonly { readonly who: string; readonly reason: string; readonly as?: Partial<OpenAs> }[] = [
  { who: "NOBODY", reason: "NO_ACCESS_LEVEL" },
  { who: "NO-LEVEL", reason: "NO_ACCESS_LEVEL" },
  { who: "NO-MATCH", reason: "NO_REDUCTION_MATCH:LAND" },
  { who: "TWO-MISSES", reason: "NO_REDUCTION_MATCH:LAND" },
  { who: "BLANK", reason: "NO_REDUCTION_MATCH:LAND" },
  { who: "NEVER-MEET", reason: "EMPTY_RESULT" },
  { who: "ADMIN-EMPTY", reason: "EMPTY_RESULT" },
  { who: "ODD-OMIT", reason: "UNKNOWN_OMIT:NO FIELD", as: { rules: { unknownOmit: "deny" } } },
];

describe("a denial", () => {
  it.each(["kernel", "script"])(
    "asks as much of the %s loops, and reads as little, whatever its reason",
    async (which) => {
      const source = countingSource(memorySource(await appBytes(), "t.qvf"));
      const loaded = await loadApp(source);
      const read = source.count.bytes;
      const costs: unknown[] = [];
      for (const { who, reason, as } of DENIED) {
        const kernel = new KernelOps({ chunkRows: 64 });
        const { counting, count } = watched(which === "kernel" ? kernel : SCRIPT_OPS);
        const events: AuditEvent[] = [];
        const audit = { append: async (e: AuditEvent) => void events.push(e) };
        const options: BaseAppOptions = { ops: counting, audit, denyAfterMs: 0 };
        const app = new BaseApp(loaded, options);
        const costOf = async () => {
          const before = { ...count };
          const runs = kernel.calls;
          const error = await app.openAs({ user: { userid: who }, ...as }).catch((e: unknown) => e);
          expect(isQErr(error) && [error.code, error.message, error.hint], who).toEqual([
            "ACCESS_DENIED",
            "access denied",
            "ask the owner of the app",
          ]);
          const spent = Object.entries(count).map(([name, n]) => [name, n - before[name as keyof typeof before]]);
          return [...spent, ["kernel runs", kernel.calls - runs]];
        };
        // The first denial of an app also measures how long one takes.
        costs.push([await costOf(), await costOf(), await costOf()]);
        expect(events[0]!.reasons![0], who).toBe(reason);
      }
      expect(source.count.bytes).toBe(read);
      for (const cost of costs) expect(cost).toEqual(costs[0]);
      const [, , third] = costs[0] as [string, number][][];
      // Four tables, six keys (CITY and LAND and ITEM, each in two tables), each once; in runs of 64 rows.
      const runs = 2 * (2 * Math.ceil(2000 / 64) + 2 + 2);
      expect(Object.fromEntries(third!)).toEqual({
        tests: 6,
        testRows: 2 * 2000 + 2 * 40 + 2 * 4,
        scatters: 6,
        scatterRows: 2 * 2000 + 2 * 40 + 2 * 4,
        runs: 0,
        "kernel runs": which === "kernel" ? runs : 0,
      });
    },
  );

  it("costs what a reduction may cost: each key once", async () => {
    const { counting, count } = watched(SCRIPT_OPS);
    const app = new BaseApp(await loadApp(memorySource(await appBytes())), { ops: counting });
    await app.openAs({ user: { userid: "SEES" } });
    expect([count.tests, count.scatters].every((calls) => calls > 0 && calls <= 6)).toBe(true);
  });
});
