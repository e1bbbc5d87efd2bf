import { carryOut, decide } from "../reduce/admit.ts";
import { compact } from "../reduce/compact.ts";
import { listedIdentities } from "../reduce/identities.ts";
import { type Chance, changeHidden, PLANTED, withoutOthers } from "../reduce/perturb.ts";
import type { Rules } from "../reduce/rules.ts";
import { memorySink } from "../source/sink.ts";
import type { Model } from "../table/model.ts";
import { canonicalModel } from "../table/model-canonical.ts";
import { BaseApp, handOut } from "./access-app.ts";
import { writeQvfTo } from "./access-write.ts";

/** Whether hidden data can move a byte of what one identity gets. */
export interface InterferenceReport {
  readonly identity: string;
  /** `undefined` for somebody who does not get in. */
  readonly rounds: number | undefined;
  /** What differed: `none`, the reduced model, or the written app. */
  readonly differs: "none" | "model" | "file";
}

export interface InterferenceOptions {
  readonly rounds: number;
  readonly seed: number;
}

/**
 * Reduces the app for everybody who is listed, again and again with other hidden content, and compares what comes out
 * byte by byte: the model, and the QVF written of it.
 */
export async function testNonInterference(
  app: BaseApp,
  rules: Rules,
  options: InterferenceOptions,
): Promise<InterferenceReport[]> {
  const { reducible } = app;
  const out: InterferenceReport[] = [];
  if (reducible.access === undefined) return out;
  const chance = seeded(options.seed);
  const forest = reducible.forest(rules.loops);
  const linking = new Set(forest.graph.nodes.map((n) => n.field).filter((f) => f >= 0));
  const loosened = forest.graph.tables.filter((t, i) => t.table >= 0 && forest.loose[i]).map((t) => t.name);
  for (const { label, user } of listedIdentities(reducible.access)) {
    const decision = decide(reducible, user, rules);
    const outcome = decision.denied ? decision : carryOut(reducible, decision, rules);
    if (decision.denied || outcome.denied || decision.entitlement === undefined) {
      out.push({ identity: label, rounds: undefined, differs: "none" });
      continue;
    }
    const before = compact(reducible.model, outcome.kept.rows, decision.omitted);
    const file = await bytesOf(app, before);
    let differs: InterferenceReport["differs"] = "none";
    for (let round = 0; round < options.rounds && differs === "none"; round++) {
      const model = changeHidden(reducible.model, outcome.kept.rows, decision.omitted, linking, chance);
      const access = withoutOthers(reducible.access, decision.entitlement);
      const other = new BaseApp(
        { name: app.name, model, access, version: app.version, syntheticKeys: app.syntheticKeys },
        { loosened, denyAfterMs: 0 },
      );
      const after = await other.openAs({ user, rules }).then(
        (a) => a.model,
        () => undefined,
      );
      if (after === undefined || !same(canonicalModel(after), canonicalModel(before))) differs = "model";
      else {
        const written = await bytesOf(app, after);
        if (!same(written, file) || Buffer.from(written).includes(PLANTED)) differs = "file";
      }
    }
    out.push({ identity: label, rounds: options.rounds, differs });
  }
  return out;
}

async function bytesOf(app: BaseApp, model: Model): Promise<Uint8Array> {
  const sink = memorySink();
  await writeQvfTo(sink, handOut(app, model, undefined, []), new Date(0));
  await sink.commit();
  return sink.result();
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(b);
}

/** Mulberry32. */
function seeded(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
