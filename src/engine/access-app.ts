import { createHash } from "node:crypto";
import type { SyntheticKey } from "../container/qvf/model-header.ts";
import { QErr } from "../errors.ts";
import { type Allowed, carryOut, decide, type Outcome, prepareApp, type ReducibleApp } from "../reduce/admit.ts";
import { compact } from "../reduce/compact.ts";
import { countedOps, evenOut } from "../reduce/even-work.ts";
import type { User } from "../reduce/identity.ts";
import { KernelOps } from "../reduce/kernel-ops.ts";
import { reductionKey } from "../reduce/key.ts";
import { omittedNames } from "../reduce/matrix.ts";
import { withoutData } from "../reduce/no-data.ts";
import { proveReduction } from "../reduce/prove.ts";
import { type Mode, type Rules, rulesOf } from "../reduce/rules.ts";
import type { RowOps } from "../reduce/semijoin.ts";
import type { Model } from "../table/model.ts";
import { modelTable } from "../table/model-table.ts";
import type { Table } from "../table/table.ts";
import { ReducedCache } from "./access-cache.ts";
import { type AppSource, type LoadAppOptions, type LoadedApp, loadApp } from "./access-load.ts";
import type { AuditEvent, AuditLog } from "./audit.ts";
import { openKeys } from "./key-access.ts";

export interface BaseAppOptions {
  readonly audit?: AuditLog | undefined;
  /** Bytes of reduced models kept for the next user with the same rights; 512 MiB if left out. */
  readonly cacheBytes?: number | undefined;
  /**
   * A denial takes at least this long, and twice what its work takes if that is longer, so that its time does not tell
   * the reason; 100 ms if left out.
   */
  readonly denyAfterMs?: number | undefined;
  /** Tables to loosen besides those that the app marks so. */
  readonly loosened?: readonly string[] | undefined;
  /** The loops that reductions run; those of the kernel if left out. */
  readonly ops?: RowOps | undefined;
}

export interface OpenAs {
  readonly user: User;
  readonly mode?: Mode | undefined;
  /** Rules that differ from those of the mode. */
  readonly rules?: Partial<Rules> | undefined;
  /** Tables and fields only, for whoever may edit the script; the caller answers for that right. */
  readonly noData?: boolean | undefined;
  /** Prove the reduction with the independent checker before anything is handed out. */
  readonly prove?: boolean | undefined;
}

/** What one user sees of an app, and nothing else. */
export interface ReducedApp {
  readonly name: string;
  readonly model: Model;
  /** The tables of the model, to read, show or export. */
  readonly tables: readonly Table[];
  /** Equal for users who share this model; `undefined` without data. */
  readonly reduction: string | undefined;
  readonly omitted: readonly string[];
  /** Stored synthetic keys that are left whole. */
  readonly syntheticKeys: readonly SyntheticKey[];
}

/** One version of an app, prepared once, opened for any number of users. */
export class BaseApp {
  readonly name: string;
  readonly version: string;
  /** The unreduced app: for owners and auditors. */
  readonly reducible: ReducibleApp;
  readonly cache: ReducedCache;
  /** Synthetic keys that the app has stored. */
  readonly syntheticKeys: readonly SyntheticKey[];
  readonly #audit: AuditLog | undefined;
  readonly #denyAfterMs: number;
  /** Of models that are handed out more than once. */
  readonly #tables = new WeakMap<Model, readonly Table[]>();
  /** Per way of treating circles: the time of a denial, measured at the first one. */
  readonly #denialMs = new Map<string, number>();

  constructor(loaded: LoadedApp, options: BaseAppOptions = {}) {
    this.name = loaded.name;
    this.version = loaded.version;
    this.reducible = prepareApp(loaded.model, loaded.access, options.loosened, options.ops ?? new KernelOps());
    this.cache = new ReducedCache(options.cacheBytes ?? 512 * 1024 * 1024);
    this.syntheticKeys = loaded.syntheticKeys;
    this.#audit = options.audit;
    this.#denyAfterMs = options.denyAfterMs ?? 100;
  }

  /**
   * Opens the app as a user.
   * @throws `ACCESS_DENIED` for every reason alike; the reason goes to the audit only. `REDUCE_UNPROVED` if `prove` is
   *   asked for and fails, and what the audit log throws: what cannot be written down is not opened.
   */
  async openAs(as: OpenAs): Promise<ReducedApp> {
    const started = performance.now();
    const mode = as.mode ?? "qlik-sense";
    const rules = rulesOf(mode, as.rules);
    const seen = this.#look(as, rules);
    const about = { time: new Date().toISOString(), user: whoIs(as.user), app: this.name, version: this.version, mode };
    await this.#audit?.append({ ...about, ...seen.event });
    if (seen.app !== undefined) return seen.app;
    const left = this.#denialTime(rules) - (performance.now() - started);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    throw new QErr("ACCESS_DENIED", "access denied", { hint: "ask the owner of the app" });
  }

  #look(as: OpenAs, rules: Rules): { event: Pick<AuditEvent, "outcome">; app?: ReducedApp } {
    const { model } = this.reducible;
    if (as.noData === true)
      return { event: { outcome: "no-data" }, app: handOut(this, withoutData(model), undefined, []) };
    const ops = countedOps(this.reducible.ops);
    const counted = { ...this.reducible, ops };
    const decision = decide(counted, as.user, rules);
    if (decision.denied) {
      evenOut(counted.forest(rules.loops), ops);
      return denied(decision.reasons);
    }
    const reduction = this.#hash(decision, rules);
    const cached = as.prove === true ? undefined : this.cache.get(reduction);
    const omitted = omittedNames(model, decision);
    if (cached !== undefined) {
      return { event: opened(cached, reduction, omitted), app: this.#handOut(cached, reduction, omitted) };
    }
    const outcome = carryOut(counted, decision, rules);
    if (outcome.denied) {
      evenOut(counted.forest(rules.loops), ops);
      return denied(outcome.reasons);
    }
    const reduced = compact(model, outcome.kept.rows, decision.omitted);
    if (as.prove === true) this.#prove(decision, outcome, rules, reduced);
    this.cache.set(reduction, reduced);
    return { event: opened(reduced, reduction, omitted), app: this.#handOut(reduced, reduction, omitted) };
  }

  #handOut(model: Model, reduction: string, omitted: readonly string[]): ReducedApp {
    const tables = this.#tables.get(model) ?? tablesOf(model);
    this.#tables.set(model, tables);
    return handOut(this, model, reduction, omitted, tables);
  }

  /** Twice the work of any denial, measured on work for nobody, so that it is the same whoever comes first. */
  #denialTime(rules: Rules): number {
    const known = this.#denialMs.get(rules.loops);
    if (known !== undefined) return known;
    const forest = this.reducible.forest(rules.loops);
    const work = (): number => {
      const from = performance.now();
      evenOut(forest, countedOps(this.reducible.ops));
      return performance.now() - from;
    };
    const ms = Math.max(this.#denyAfterMs, 2 * Math.max(work(), work()));
    this.#denialMs.set(rules.loops, ms);
    return ms;
  }

  #prove(decision: Allowed, outcome: Outcome, rules: Rules, reduced: Model): void {
    const problems = proveReduction(this.reducible, decision, outcome, rules, reduced);
    if (problems.length > 0) throw new QErr("REDUCE_UNPROVED", `the reduction is not proved: ${problems.join("; ")}`);
  }

  #hash(decision: Allowed, rules: Rules): string {
    const hash = createHash("sha256").update(this.version);
    return hash.update(new Uint8Array(reductionKey(decision, rules).buffer)).digest("hex");
  }
}

/** A reduced model as what its user holds. */
export function handOut(
  app: Pick<BaseApp, "name" | "syntheticKeys">,
  model: Model,
  reduction: string | undefined,
  omitted: readonly string[],
  tables = tablesOf(model),
): ReducedApp {
  const names = new Set(model.fields.map((f) => f.name));
  const syntheticKeys = app.syntheticKeys.filter((k) => [k.name, ...k.fields].every((name) => names.has(name)));
  return { name: app.name, model, tables, reduction, omitted, syntheticKeys };
}

function tablesOf(model: Model): readonly Table[] {
  return model.tables.map((_, i) => modelTable(model, i));
}

/** Who opens an app, and how: see the parts. `keys` open its sealed columns. */
export interface OpenAppOptions extends OpenAs, BaseAppOptions, LoadAppOptions {
  /** References to keys as on the command line: files, `pkcs11:…`, `store:…`. They are given back before this returns. */
  readonly keys?: readonly string[] | undefined;
}

/**
 * Loads an app and opens it as one user; for several users of one app, `loadApp` once and a `BaseApp`.
 *
 *     const app = await openApp(httpSource(url), { user: { userid: "DIR\\\\ann" }, mode: "qlik-sense" });
 *     for (const table of app.tables) console.log(table.name, await readRows(table));
 *
 * @throws what `loadApp` and {@link BaseApp.openAs} throw
 */
export async function openApp(source: AppSource, options: OpenAppOptions): Promise<ReducedApp> {
  const ring = options.keys === undefined ? undefined : openKeys(options.keys, {});
  try {
    const find = options.find ?? ring?.find;
    return await new BaseApp(await loadApp(source, { ...options, find }), options).openAs(options);
  } finally {
    await ring?.close();
  }
}

function denied(reasons: readonly string[]): { event: Pick<AuditEvent, "outcome" | "reasons"> } {
  return { event: { outcome: "denied", reasons } };
}

function opened(
  model: Model,
  reduction: string,
  omitted: readonly string[],
): Pick<AuditEvent, "outcome" | "reduction" | "rows" | "omitted"> {
  const rows = Object.fromEntries(model.tables.map((t) => [t.name, t.rows]));
  return { outcome: "opened", reduction, rows, omitted };
}

/** Who asked, for the audit; a password is none of its business. */
function whoIs(user: User): AuditEvent["user"] {
  const { userid, email, ntname, groups } = user;
  return {
    ...(userid !== undefined && { userid }),
    ...(email !== undefined && { email }),
    ...(ntname !== undefined && { ntname }),
    ...(groups !== undefined && groups.length > 0 && { groups }),
  };
}
