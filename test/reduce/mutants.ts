/** One wrong rule each: `find` occurs exactly once in the file and is replaced. */
export interface Mutant {
  readonly rule: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const GRANTS = "src/reduce/grants.ts";
const SELECT = "src/reduce/select.ts";
const IDENTITY = "src/reduce/identity.ts";
const ACCESS = "src/reduce/access-table.ts";
const PROPAGATE = "src/reduce/propagate.ts";
const ADMIT = "src/reduce/admit.ts";
const COMPACT = "src/reduce/compact.ts";
const RULES = "src/reduce/rules.ts";
const SEMIJOIN = "src/reduce/semijoin.ts";
const SYNTHETIC = "src/table/model-synthetic.ts";
const FOREST = "src/table/model-forest.ts";
const VALUES = "src/table/model-identity.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    rule: "star = all values of the data",
    file: SELECT,
    find: "    for (const value of listed) {",
    replace: "    if (listed.length > 1) selected.fill(-2);\n    for (const value of listed) {",
  },
  {
    rule: "star = own row only",
    file: GRANTS,
    find: 'if (cell === "any") return listedIn(t, column);',
    replace: 'if (cell === "any") continue;',
  },
  {
    rule: "star of an identity = listed users only",
    file: IDENTITY,
    find: 'if (cell === "any") return true;',
    replace: 'if (cell === "any") return attributes[field].length > 0;',
  },
  {
    rule: "star of an identity matches nobody",
    file: IDENTITY,
    find: 'if (cell === "any") return true;',
    replace: 'if (cell === "any") return false;',
  },
  {
    rule: "blank identity = star",
    file: IDENTITY,
    find: 'cell !== null && cell.text !== "" &&',
    replace: 'cell !== null && cell.text === "" ||  cell !== null &&',
  },
  { rule: "identity compared with case", file: IDENTITY, find: ".map(upper)", replace: "" },
  { rule: "identity fields ORed", file: GRANTS, find: "return identity.every(", replace: "return identity.some(" },
  { rule: "NTNAME without groups", file: IDENTITY, find: "some(user.ntname, ...groups)", replace: "some(user.ntname)" },
  {
    rule: "GROUP matches user names",
    file: IDENTITY,
    find: "GROUP: some(...groups)",
    replace: "GROUP: some(user.userid, ...groups)",
  },
  {
    rule: "licence number passes in Sense",
    file: IDENTITY,
    find: '["QLIKSENSE"]',
    replace: '["QLIKSENSE", ...some(user.serial)]',
  },
  { rule: "password ignored", file: ACCESS, find: '  "PASSWORD",\n', replace: "" },
  {
    rule: "no upper-casing of section access",
    file: ACCESS,
    find: "const text = rule.upperCase ? upper(cell) : cell;",
    replace: "const text = cell;",
  },
  {
    rule: "upper-casing changes length",
    file: ACCESS,
    find: "out += [...u].length === 1 ? u : c;",
    replace: "out += u;",
  },
  { rule: "inline numbers stay text", file: ACCESS, find: "rule.numbers && NUMBER.test(cell)", replace: "false" },
  {
    rule: "every text that looks like a number is one",
    file: ACCESS,
    find: "rule.numbers && NUMBER.test(cell)",
    replace: "NUMBER.test(cell)",
  },
  {
    rule: "numbers compared by text",
    file: VALUES,
    find: "return symbolNumber(symbols, s) ?? symbolText(symbols, s)!;",
    replace: "return symbolText(symbols, s) ?? String(symbolNumber(symbols, s));",
  },
  {
    rule: "strict exclusion off",
    file: SELECT,
    find: 'else if (level === "USER" && rules.strictExclusion)',
    replace: 'else if (level === "USER" && false)',
  },
  {
    rule: "strict exclusion for ADMIN too",
    file: SELECT,
    find: 'else if (level === "USER" && rules.strictExclusion)',
    replace: "else if (rules.strictExclusion)",
  },
  {
    rule: "strict exclusion if any value misses",
    file: SELECT,
    find: "if (id < 0 || !occurs(forest, node, id)) continue;",
    replace: "if (id < 0 || !occurs(forest, node, id)) { some = false; break; }",
  },
  {
    rule: "strict exclusion only if every field misses",
    file: SELECT,
    find: "return reasons.length > 0 ?",
    replace: "return reasons.length > 0 && values.size === 0 ?",
  },
  {
    rule: "ADMIN is never reduced",
    file: SELECT,
    find: "if (some) values.set(node, selected);",
    replace: 'if (some && level === "ADMIN") continue;\n    if (some) values.set(node, selected);',
  },
  { rule: "USER wins over ADMIN", file: RULES, find: '  mixedLevel: "ADMIN",', replace: '  mixedLevel: "USER",' },
  {
    rule: "any text is an access level",
    file: GRANTS,
    find: 'if (cell === "any" || cell?.text === "USER") user = true;',
    replace: 'if (cell === "any" || cell?.text !== "ADMIN") user = true;',
  },
  {
    rule: "star in ACCESS is ADMIN",
    file: GRANTS,
    find: 'if (cell === "any" || cell?.text === "USER") user = true;',
    replace: 'if (cell === "any") admin = true;\n      else if (cell?.text === "USER") user = true;',
  },
  { rule: "server keeps ADMIN", file: GRANTS, find: "if (rules.adminAsUser || !admin)", replace: "if (!admin)" },
  {
    rule: "field names matched in any case",
    file: SELECT,
    find: "const ordinal = fieldNamed(graph.model, field);",
    replace:
      "const ordinal = graph.model.fields.findIndex((f) => upper(f.name) === field && graph.nodeOfField[graph.model.fields.indexOf(f)]! >= 0);",
  },
  {
    rule: "case mismatch tolerated in strict",
    file: SELECT,
    find: 'rules.fieldCase === "strict" &&',
    replace: "false &&",
  },
  {
    rule: "an unknown column denies",
    file: SELECT,
    find: "      continue;\n    }\n    const node",
    replace: "      else reasons.push(field);\n      continue;\n    }\n    const node",
  },
  {
    rule: "only the first row of a user counts",
    file: GRANTS,
    find: "    for (const value of valuesOf(t, column, rows[table]!))",
    replace: "    for (const value of valuesOf(t, column, rows[table]!).slice(0, 1))",
  },
  {
    rule: "OMIT star = every field",
    file: SELECT,
    find: "if (!wanted.has(upper(f.name))) return;",
    replace: "if (wanted.size < 2 && !wanted.has(upper(f.name))) return;",
  },
  {
    rule: "OMIT with case",
    file: SELECT,
    find: "if (!wanted.has(upper(f.name))) return;",
    replace: "if (!names.includes(f.name)) return;",
  },
  { rule: "OMIT ignored", file: COMPACT, find: "filter((c) => !omitted.has(c.field))", replace: "filter(() => true)" },
  {
    rule: "unknown OMIT tolerated in strict",
    file: RULES,
    find: 'unknownOmit: "deny"',
    replace: 'unknownOmit: "ignore"',
  },
  {
    rule: "unknown OMIT denies in Sense",
    file: RULES,
    find: '  unknownOmit: "ignore",',
    replace: '  unknownOmit: "deny",',
  },
  { rule: "exact pairs for pooled fields", file: RULES, find: '  combine: "pooled",', replace: '  combine: "tuples",' },
  {
    rule: "pooled fields for exact pairs",
    file: ADMIT,
    find: 'rules.combine === "pooled"',
    replace: "rules.combine.length > 0",
  },
  {
    rule: "fields ORed",
    file: PROPAGATE,
    find: "  keepLoose(sweep);\n",
    replace:
      "  if (selection.values.size > 1) return [...selection.values].map(([n, v]) => propagate(forest, { values: new Map([[n, v]]) }, ops)).reduce(unite);\n  keepLoose(sweep);\n",
  },
  { rule: "an empty result opens", file: RULES, find: '  onEmpty: "deny",', replace: '  onEmpty: "empty",' },
  {
    rule: "inner join: branches without selection demand rows",
    file: PROPAGATE,
    find: "if (table.get(child.table) === 0) continue;",
    replace: "",
  },
  {
    rule: "inner join downwards",
    file: PROPAGATE,
    find: "const demanded = inBranch.all > inBranch.node.get(step.node)!;",
    replace: "const demanded = true;",
  },
  {
    rule: "no sweep back to the leaves",
    file: PROPAGATE,
    find: "  sweepDown(sweep, component, inBranch);",
    replace: "",
  },
  {
    rule: "NULL passes every test",
    file: SEMIJOIN,
    find: "export function testKey(ops: RowOps, key: Key, profile: KeyProfile, state: Bits, rows: Bits): void {",
    replace:
      "export function testKey(ops: RowOps, key: Key, profile: KeyProfile, state: Bits, rows: Bits): void {\n  state = state.slice(); state[0]! |= 1;",
  },
  {
    rule: "NULL = NULL in keys",
    file: SEMIJOIN,
    find: "  out[0]! &= ~1;\n  return key.ids === undefined ? out : toValues(key.ids, out, size);",
    replace:
      "  const v = key.ids === undefined ? out : toValues(key.ids, out, size);\n  v[0]! |= out[0]! & 1;\n  return v;",
  },
  {
    rule: "NULL = NULL in synthetic keys",
    file: SYNTHETIC,
    find: "whole ? this.#shared : own",
    replace: "this.#shared",
  },
  {
    rule: "fields of a synthetic key link one by one",
    file: "src/table/model-graph.ts",
    find: "    if (common === undefined) break;",
    replace: "    if (common !== undefined || k > 0) break;",
  },
  {
    rule: "islands are emptied",
    file: COMPACT,
    find: "const kept = rows[at] === undefined ? undefined : bitPositions(rows[at]);",
    replace:
      "const kept = rows[at] === undefined ? (rows.some((x) => x !== undefined) ? new Int32Array(0) : undefined) : bitPositions(rows[at]);",
  },
  {
    rule: "loose tables are kept whole",
    file: "src/reduce/loose.ts",
    find: "loose[table] ? t.keys",
    replace: "loose[table] === undefined ? t.keys",
  },
  {
    rule: "what a loose synthetic table loses ends with its holders",
    file: "src/reduce/loose.ts",
    find: "shrunk.push(holder);",
    replace: "void holder;",
  },
  {
    rule: "the shortest table of a circle is loosened",
    file: FOREST,
    find: "t.rows > (other?.rows ?? -1)",
    replace: "t.rows < (other?.rows ?? Infinity)",
  },
  { rule: "loosened by name is not heeded", file: FOREST, find: "|| asked.has(t.name)", replace: "" },
  {
    rule: "strict loosens circles",
    file: RULES,
    find: 'loops: "keep", unknownOmit',
    replace: 'loops: "loosen", unknownOmit',
  },
  {
    rule: "symbols of hidden rows stay",
    file: COMPACT,
    find: "(numbered.has(d) ? uses[d]!.numbers() : uses[d]!.symbols())",
    replace: "model.domains[d]!",
  },
  {
    rule: "no section access denies",
    file: ADMIT,
    find: "  if (app.access === undefined) {",
    replace:
      '  if (app.access === undefined) {\n    if (user !== undefined) return { denied: true, reasons: ["NO_ACCESS_LEVEL"] };',
  },
  {
    rule: "system fields link",
    file: ACCESS,
    find: 'return name === "ACCESS" || name === "OMIT" || isIdentityField(name);',
    replace: 'return name === "OMIT" || name === "ACCESS";',
  },
  {
    rule: "a star in a link is a value",
    file: GRANTS,
    find: 'if (cell === null || cell === "any") return null;',
    replace: 'if (cell === null) return null;\n          if (cell === "any") return "R1";',
  },
  {
    rule: "NULL is a wildcard",
    file: GRANTS,
    find: "if (cell !== null) out.push(cell);",
    replace: "if (cell === null) return listedIn(t, column);\n    out.push(cell);",
  },
];
