import type { HeaderOptions, QvdHeader } from "../container/qvd/header.ts";
import { planLayout, type QvdLayout } from "../container/qvd/layout.ts";
import { readHeader } from "../container/qvd/open.ts";
import { type ErrorCode, isQErr, type QErr, quoted } from "../errors.ts";
import { MAX_SYMBOLS } from "../limits.ts";
import type { ByteSource } from "../source/source.ts";
import { fetchSymbols, qvdTable } from "./qvd-table.ts";
import { firstNotUtf8 } from "./symbols.ts";

/** Deviations: a reader can live with them, but no file of Qlik's own has them (format notes 1.9). */
export type DeviationCode =
  | "QVD_GAP"
  | "QVD_ORDER"
  | "QVD_TRAILING_BYTES"
  | "QVD_UNOWNED_BITS"
  | "QVD_BIAS_WITHOUT_NULL"
  | "QVD_RESERVED_INDEX"
  | "QVF_META"
  | "QVF_COMPONENT";

/** One thing found by a check. `damage`: values are lost or wrong. `deviation`: all values can be read. */
export interface Finding {
  readonly level: "damage" | "deviation";
  readonly code: ErrorCode | DeviationCode;
  readonly part: string;
  readonly message: string;
  /** Byte offset in the file. */
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

export interface Verification {
  readonly findings: readonly Finding[];
  /** Checks that were made, in words; a QVD has no checksum, so a changed value that is still valid is not found. */
  readonly checked: readonly string[];
}

export interface VerifyOptions extends HeaderOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/**
 * All structural checks of format notes 1.9 on a whole QVD. Never throws on damage: damage is a finding.
 * @throws only what the source throws (`SOURCE_…`) and `CANCELLED`
 */
export async function verifyQvd(source: ByteSource, options: VerifyOptions = {}): Promise<Verification> {
  const findings: Finding[] = [];
  const checked: string[] = [];
  const header = await attempt(findings, () => readHeader(source, options));
  checked.push("header is well formed");
  if (header === undefined) return { findings, checked };
  const layout = await attempt(findings, async () => planLayout(header, source.size));
  checked.push("sections lie inside the file and apart, bits inside the record and apart");
  if (layout === undefined) return { findings, checked };
  checkSections(header, layout, source.size, findings);
  checked.push("sections follow each other without a gap to the end of the file, every bit is owned");
  await checkSymbols(source, header, layout, findings);
  checked.push("symbol entries are whole, counted and valid UTF-8");
  // Only an index beyond every possible symbol count throws here; then the fields behind it are not reported.
  await attempt(findings, () => checkIndexes(source, header, layout, findings, options));
  checked.push("every index has its symbol, NULLs and bias agree");
  return { findings, checked };
}

async function attempt<T>(findings: Finding[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isQErr(error) || error.errorClass === "read" || error.errorClass === "cancelled") throw error;
    findings.push(asFinding(error));
    return undefined;
  }
}

function asFinding(error: QErr): Finding {
  const { code, part, message, offset, length } = error;
  return { level: "damage", code, part: part ?? "file", message, offset, length };
}

function checkSections(header: QvdHeader, layout: QvdLayout, size: number, findings: Finding[]): void {
  let at = layout.header.length;
  const sections = [...layout.symbols, layout.records].filter((part) => part.length > 0);
  for (const part of sections.sort((a, b) => a.offset - b.offset)) {
    if (part.offset !== at) {
      const message = `${part.offset - at} bytes before ${part.name} belong to nothing`;
      findings.push({
        level: "deviation",
        code: "QVD_GAP",
        part: part.name,
        message,
        offset: at,
        length: part.offset - at,
      });
    }
    at = part.offset + part.length;
  }
  if (at !== size) {
    const message = `${size - at} bytes follow the last section`;
    findings.push({
      level: "deviation",
      code: "QVD_TRAILING_BYTES",
      part: "file",
      message,
      offset: at,
      length: size - at,
    });
  }
  if (findings.length === 0) checkOrder(layout, findings);
  const owned = header.fields.reduce((sum, f) => sum + f.bitWidth, 0);
  if (owned !== header.recordByteSize * 8) {
    const message = `${header.recordByteSize * 8 - owned} bits of a record belong to no field; some readers go astray`;
    const { offset } = layout.records;
    findings.push({ level: "deviation", code: "QVD_UNOWNED_BITS", part: layout.records.name, message, offset });
  }
}

/** Sections without a gap, each where those before it end: one that has no bytes may be said to lie anywhere. */
function checkOrder(layout: QvdLayout, findings: Finding[]): void {
  let at = layout.header.length;
  for (const { name, offset, length } of [...layout.symbols, layout.records]) {
    if (offset !== at) {
      const message = `${name} does not lie behind the section before it in the header`;
      findings.push({ level: "deviation", code: "QVD_ORDER", part: name, message, offset, length });
      return;
    }
    at += length;
  }
}

async function checkSymbols(
  source: ByteSource,
  header: QvdHeader,
  layout: QvdLayout,
  findings: Finding[],
): Promise<void> {
  for (const [ordinal, part] of layout.symbols.entries()) {
    const symbols = await attempt(findings, () => fetchSymbols(source, header, layout, ordinal));
    if (symbols === undefined) continue;
    const wrong = firstNotUtf8(symbols);
    if (wrong < 0) continue;
    const offset = part.offset + symbols.starts[wrong]!;
    const length = symbols.starts[wrong + 1]! - symbols.starts[wrong]!;
    const message = `${part.name}: an entry is not valid UTF-8`;
    findings.push({ level: "damage", code: "BYTES_UTF8", part: part.name, message, offset, length });
  }
}

interface IndexFacts {
  beyond: number;
  firstBeyond: number;
  nulls: number;
  reserved: number;
  firstReserved: number;
}

async function checkIndexes(
  source: ByteSource,
  header: QvdHeader,
  layout: QvdLayout,
  findings: Finding[],
  options: VerifyOptions,
): Promise<void> {
  // The reader stops at the first index without a symbol; here each field is to be reported, so it gets room.
  const roomy = { ...header, fields: header.fields.map((f) => ({ ...f, noOfSymbols: MAX_SYMBOLS + 1 })) };
  const facts = header.fields.map(
    (): IndexFacts => ({ beyond: 0, firstBeyond: -1, nulls: 0, reserved: 0, firstReserved: -1 }),
  );
  const { signal, onProgress } = options;
  for await (const batch of qvdTable(source, roomy, layout).scan({ signal, onProgress })) {
    header.fields.forEach((f, k) => {
      collect(facts[k]!, batch.indexes[k]!, batch.rows, batch.rowStart, f.noOfSymbols);
    });
  }
  const { name: part, offset: start } = layout.records;
  const at = (row: number) => ({ offset: start + row * header.recordByteSize, length: header.recordByteSize });
  header.fields.forEach((f, k) => {
    const fact = facts[k]!;
    if (fact.beyond > 0) {
      const message = `field ${quoted(f.name)}: ${fact.beyond} rows, the first is row ${fact.firstBeyond}, have an index beyond its ${f.noOfSymbols} symbols`;
      findings.push({ level: "damage", code: "QVD_INDEX", part, message, ...at(fact.firstBeyond) });
    }
    if (fact.reserved > 0) {
      const message = `field ${quoted(f.name)}: ${fact.reserved} rows, the first is row ${fact.firstReserved}, have index -1, which Qlik never writes`;
      findings.push({ level: "deviation", code: "QVD_RESERVED_INDEX", part, message, ...at(fact.firstReserved) });
    }
    if (f.bias === -2 && fact.nulls === 0 && header.noOfRecords > 0) {
      const message = `field ${quoted(f.name)} has bias -2, but no row is NULL`;
      findings.push({ level: "deviation", code: "QVD_BIAS_WITHOUT_NULL", part, message });
    }
  });
}

function collect(fact: IndexFacts, indexes: Int32Array, rows: number, rowStart: number, symbols: number): void {
  for (let row = 0; row < rows; row++) {
    const index = indexes[row]!;
    if (index >= symbols) {
      fact.beyond += 1;
      if (fact.firstBeyond < 0) fact.firstBeyond = rowStart + row;
    } else if (index < 0) {
      fact.nulls += 1;
      if (index === -1) {
        fact.reserved += 1;
        if (fact.firstReserved < 0) fact.firstReserved = rowStart + row;
      }
    }
  }
}
