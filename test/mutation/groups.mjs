// Which tests are to find the mutants of which files: few and quick ones, since each mutant runs all that reach it.
const SEAL = ["seal/checks", "seal/parts", "seal/opening", "seal/jwe", "seal/limits", "seal/round-trip"];
const REDUCE = ["reduce/checks", "reduce/cases", "reduce/limits"];
const VERIFY = ["reduce/verify", "reduce/verify-graph"];
const QVF = ["container/checks", "container/qvf-limits"];
const QVD = ["container/checks"];
const of = (folder, tests, ...names) => names.map((name) => ({ file: `src/${folder}/${name}.ts`, tests }));

/** Most important first: checks of tags, MACs, lengths and grants. */
export const GROUPS = [
  ...of("seal", SEAL, "macs", "aes-kw", "cobblestone", "tree", "signature", "check-parts", "authenticate", "jwe"),
  ...of("seal", SEAL, "region", "slot-entry", "manifest", "checked-source", "concat-kdf", "hkdf", "suite", "msgpack"),
  ...of("reduce", REDUCE, "grants", "identity", "rules", "admit", "tuples", "propagate"),
  ...of("reduce", VERIFY, "verify", "verify-graph"),
  ...of("container/qvf", QVF, "inode", "frame", "header"),
  ...of("container/qvd", QVD, "layout", "bits"),
];
