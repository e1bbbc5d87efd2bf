// Which tests are to find the mutants of which files: few and quick ones, since each mutant runs all that reach it.
const SEAL = ["seal/checks", "seal/jwe", "seal/round-trip"];
const REDUCE = ["reduce/checks", "reduce/cases"];
const QVF = ["container/checks", "container/qvf-limits"];
const QVD = ["container/checks"];

/** Most important first: checks of tags, MACs, lengths and grants. */
export const GROUPS = [
  ...["macs", "aes-kw", "cobblestone", "authenticate", "check-parts", "jwe", "tree", "signature"].map((name) => ({
    file: `src/seal/${name}.ts`,
    tests: name === "check-parts" || name === "authenticate" ? [...SEAL, "seal/tamper"] : SEAL,
  })),
  ...["grants", "identity", "rules", "admit", "tuples", "propagate"].map((name) => ({
    file: `src/reduce/${name}.ts`,
    tests: REDUCE,
  })),
  ...["inode", "frame", "header"].map((name) => ({ file: `src/container/qvf/${name}.ts`, tests: QVF })),
  ...["layout", "bits"].map((name) => ({ file: `src/container/qvd/${name}.ts`, tests: QVD })),
];
