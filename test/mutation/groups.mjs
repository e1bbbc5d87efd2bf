// Which tests are to find the mutants of which files: few and quick ones, since each mutant runs all that reach it.
const QVF = ["container/checks", "container/qvf-limits"];
const QVD = ["container/checks"];
const of = (folder, names, ...tests) => names.map((name) => ({ file: `src/${folder}/${name}.ts`, tests }));

/** Most important first: checks of tags, MACs, lengths and grants. */
export const GROUPS = [
  ...of("seal", ["macs", "aes-kw", "cobblestone", "tree", "signature"], "seal/checks"),
  ...of("seal", ["check-parts", "checked-source"], "seal/parts"),
  ...of("seal", ["authenticate", "region"], "seal/opening", "seal/limits"),
  ...of("seal", ["jwe", "concat-kdf"], "seal/jwe"),
  ...of("seal", ["jwe-form"], "seal/jwe-form"),
  ...of("seal", ["slot-entry"], "seal/slot-entry"),
  ...of("seal", ["base64url"], "seal/jwe-form"),
  ...of("seal", ["hkdf", "suite"], "seal/checks", "seal/suite"),
  ...of("seal", ["recipient", "rewrap"], "seal/recipient", "seal/rewrap"),
  ...of("seal", ["draft"], "seal/draft", "seal/parts"),
  ...of("seal", ["discard"], "seal/discard"),
  ...of("seal", ["message-stream"], "seal/message-stream"),
  ...of("seal", ["manifest"], "seal/manifest", "seal/limits"),
  ...of("seal", ["msgpack"], "seal/msgpack"),
  ...of("reduce", ["grants", "identity", "rules", "tuples"], "reduce/checks", "reduce/cases"),
  ...of("reduce", ["admit", "propagate"], "reduce/admit", "reduce/checks", "reduce/cases"),
  ...of("reduce", ["verify", "verify-graph"], "reduce/verify", "reduce/verify-graph"),
  ...of("reduce", ["select"], "reduce/select"),
  ...of("reduce", ["semijoin", "reach"], "reduce/semijoin"),
  ...of("reduce", ["sweep", "fixpoint"], "reduce/fixpoint", "reduce/admit", "reduce/cases"),
  ...of("reduce", ["access-table", "key"], "reduce/access-table"),
  ...of("reduce", ["compact", "tags"], "reduce/compact"),
  ...of("container/qvf", ["inode"], "container/inode", "container/qvf-limits"),
  ...of("container/qvf", ["frame"], "container/frame", "container/qvf-limits"),
  ...of("container/qvf", ["header"], ...QVF),
  ...of("container/qvf", ["directory", "claims"], "container/directory"),
  ...of("container/qvf", ["table-stream", "stored-table", "access-stream"], "container/table-stream"),
  ...of("container/qvf", ["field-stream", "field-tail", "model-header"], "container/field-stream"),
  ...of("container/qvd", ["xml"], "container/xml"),
  ...of("container/qvd", ["header", "open"], "container/qvd-header-read"),
  ...of("container/qvd", ["header-tree", "header-build", "writer"], "container/qvd-header-write"),
  ...of("container/qvf", ["reader", "writer"], "container/reader"),
  ...of("container/qvf", ["parts", "salvage"], "container/parts"),
  ...of("container/qvf", ["overlay", "seal-member", "conversion"], "container/beside"),
  ...of("container/qvf", ["blob", "deflate", "text"], "container/blob"),
  ...of("container/qvd", ["layout", "bits"], ...QVD),
];
