import { describe, expect, it } from "vitest";
import * as limits from "../../src/limits.ts";
import { filesBelow, textOf } from "./tree.ts";

/** Where a limit is tried: with its own number, or, where that would take gigabytes or hours, with a smaller one. */
type Tried =
  /** A test has the limit itself accepted and one beyond it refused. */
  | { readonly exactly: string }
  /** `title` tries both sides of a number that the test gives; the limit is what `source` takes if none is given. */
  | { readonly smaller: string; readonly title: string; readonly source: string };

const exactly = (file: string): Tried => ({ exactly: `test/${file}.test.ts` });
const smaller = (file: string, title: string, source: string): Tried => ({
  smaller: `test/${file}.test.ts`,
  title,
  source: `src/${source}.ts`,
});

const BOTH_SIDES: Readonly<Record<keyof typeof limits, Tried>> = {
  MAX_HEADER_BYTES: exactly("container/qvd-header"),
  MAX_DAMAGE_FINDINGS: exactly("seal/findings"),
  MAX_FORMAT_CHARACTERS: exactly("table/number-format"),
  MAX_SEPARATOR_CHARACTERS: exactly("table/number-format"),
  MAX_XML_DEPTH: exactly("container/qvd-header"),
  MAX_XML_ELEMENTS: exactly("container/qvd-header"),
  MAX_FIELDS: exactly("container/qvd-header"),
  MAX_APP_FIELDS: exactly("container/qvf-limits"),
  MAX_RECORD_BYTES: exactly("container/qvd-header"),
  MAX_BIT_WIDTH: exactly("container/checks"),
  MAX_SYMBOLS: exactly("container/checks"),
  MAX_SYMBOL_BYTES: exactly("container/checks"),
  MAX_ROWS: exactly("table/lazy"),
  MAX_JSON_DEPTH: exactly("bytes/json"),
  MAX_JSON_ITEMS: exactly("bytes/json"),
  MAX_INPUT_RECORD_BYTES: smaller("input/csv", "a record longer than the limit, on both sides of it", "input/records"),
  MAX_HTTP_RANGE_BYTES: exactly("source/http"),
  MAX_ROWS_WITHOUT_BYTES: exactly("container/checks"),
  MAX_FREE_CELLS: exactly("container/checks"),
  FREE_CELLS_A_BYTE: exactly("container/checks"),
  MAX_STREAM_BYTES: smaller(
    "source/source",
    "takes as many bytes as its limit says, and not one more",
    "source/stream",
  ),
  MAX_ARROW_TEXT_BYTES: smaller("output/arrow", "what Arrow cannot hold is refused", "output/arrow-column"),
  MAX_SYNTHETIC_KEYS: smaller("reduce/limits", "takes as many synthetic keys as allowed", "table/model-graph"),
  MAX_MODEL_ROWS: smaller("reduce/limits", "takes as many rows as int32 can number", "table/model-load"),
  MAX_ACCESS_TUPLES: exactly("reduce/limits"),
  MAX_QVF_DEPTH: smaller("container/qvf-limits", "directories inside each other", "container/qvf/reader"),
  MAX_QVF_EXTENT_DEPTH: exactly("container/qvf-limits"),
  MAX_QVF_ENTRIES: smaller("container/qvf-limits", "entries", "container/qvf/reader"),
  MAX_QVF_DIRECTORY_BYTES: smaller("container/qvf-limits", "bytes of a directory", "container/qvf/reader"),
  MAX_QVF_STREAM_BYTES: smaller("container/qvf-limits", "bytes of a stream", "container/qvf/reader"),
  MAX_QVF_FRAME_BYTES: exactly("container/qvf-limits"),
  MAX_QVF_TABLES: exactly("container/qvf-limits"),
  MAX_QVF_IMPLICIT_SYMBOLS: smaller("table/qvf-symbols", "holds as many implicit symbols", "table/qvf-symbols"),
  MAX_ASSOCIATIONS: exactly("engine/app-graph"),
  MAX_DRAWN_TABLES: exactly("engine/app-graph"),
  MAX_FREE_SYMBOLS: exactly("table/qvf-symbols"),
  IMPLICIT_SYMBOLS_A_BYTE: exactly("table/qvf-symbols"),
  MAX_FREE_INFLATED_BYTES: exactly("container/qvf-limits"),
  INFLATED_A_BYTE: exactly("container/qvf-limits"),
  MAX_QVF_SALVAGE_BYTES: smaller("container/qvf-limits", "bytes that are searched for", "container/qvf/salvage"),
  MAX_LINT_COMBINATIONS: smaller("reduce/limits", "has his combinations counted up to a number", "reduce/lint-users"),
  MAX_ACCESS_JSON_BYTES: exactly("engine/access-app"),
  MAX_CONFIG_BYTES: exactly("engine/small-file"),
  MAX_JOURNAL_LINE_BYTES: exactly("engine/small-file"),
  MAX_AUDIT_FINDINGS: exactly("engine/access-audit"),
  MAX_AUDIT_LINE_BYTES: smaller("engine/access-audit", "writes no line that it could not find again", "engine/audit"),
  MAX_PARQUET_CHUNK_BYTES: smaller("input/parquet", "a column that unpacks to more than the limit", "input/parquet"),
  MAX_PARQUET_FOOTER_BYTES: exactly("input/parquet-pages"),
  MAX_PARQUET_PAGE_BYTES: exactly("input/parquet-pages"),
  MAX_PARQUET_FREE_VALUES: exactly("input/parquet-pages"),
  PARQUET_VALUES_A_BYTE: exactly("input/parquet-pages"),
  MAX_PARQUET_FREE_BYTES: exactly("input/parquet-pages"),
  MAX_SEALED_PART_BYTES: exactly("seal/checks"),
  MAX_SEALED_ITEMS: exactly("seal/limits"),
  MAX_SLOTS: exactly("seal/limits"),
  MAX_RECIPIENTS: exactly("seal/jwe"),
  MAX_JWE_BYTES: exactly("seal/jwe-form"),
  MAX_MANIFEST_BYTES: exactly("seal/limits"),
  MAX_PROOF_BYTES: exactly("seal/limits"),
  MAX_KEYS_BYTES: exactly("seal/limits"),
  MAX_MSGPACK_DEPTH: exactly("seal/limits"),
  MAX_MSGPACK_VALUES: exactly("seal/limits"),
  MAX_KEY_FILE_BYTES: exactly("keys/file-store"),
  MAX_KEY_FILES: exactly("keys/windows-store"),
  MAX_KDF_ITERATIONS: exactly("seal/limits"),
  MAX_KEY_FILE_ITERATIONS: smaller("seal/limits", "counts against what one key file may ask for", "keys/pbe"),
  MAX_RSA_BITS: exactly("keys/file-store"),
  MAX_ISOLATED_MESSAGE_BYTES: exactly("keys/isolated"),
  MAX_TOKEN_OBJECTS: exactly("keys/keyring"),
  MAX_KERNEL_BYTES: smaller(
    "table/reduce-table",
    "refuses a table whose symbols no kernel can address",
    "table/reduce-memory",
  ),
};

const names = Object.keys(limits) as (keyof typeof limits)[];
/** What a test does, without what it imports. */
const bodyOf = (file: string) => textOf(file).replace(/^import [\s\S]*?from "[^"]+";$/gm, "");

describe("each limit is tried on both sides", () => {
  it("and nothing else is listed", () => {
    expect(names.length).toBeGreaterThan(50);
    expect(Object.keys(BOTH_SIDES).sort()).toEqual([...names].sort());
    const files = new Set(filesBelow("test", ".test.ts"));
    const named = Object.values(BOTH_SIDES).map((tried) => ("exactly" in tried ? tried.exactly : tried.smaller));
    expect(named.filter((file) => !files.has(file))).toEqual([]);
  });

  for (const name of names) {
    const tried = BOTH_SIDES[name];
    it(name, () => {
      if ("exactly" in tried) {
        const lines = bodyOf(tried.exactly)
          .split("\n")
          .filter((line) => new RegExp(`\\b${name}\\b`).test(line));
        // Once as it is, and once with something added (or, where the limit itself is refused, taken away).
        const moved = lines.filter((line) =>
          new RegExp(`\\b${name}\\b *[-+*] *\\d|\\d+ *[-+*] *${name}\\b|\\b\\d+ \\+ ${name}\\b`).test(line),
        );
        expect(moved.length, "a test beyond it").toBeGreaterThan(0);
        expect(lines.length, "a test at it").toBeGreaterThan(1);
      } else {
        expect(bodyOf(tried.smaller)).toContain(`"${tried.title}`);
        expect(bodyOf(tried.source)).toMatch(new RegExp(`(=|\\?\\?|:) ${name}\\b`));
        // The number itself is named in a test as well, so that it does not change unseen.
        expect(filesBelow("test", ".test.ts").some((file) => new RegExp(`\\b${name}\\b`).test(bodyOf(file)))).toBe(
          true,
        );
      }
    });
  }
});
