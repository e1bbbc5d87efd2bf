import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openSealedQvd } from "../src/engine/open-sealed.ts";
import { rotateBatch } from "../src/engine/rotate.ts";
import { sealQvd } from "../src/engine/seal-qvd.ts";
import type { KeyHandle } from "../src/keys/keystore.ts";
import { generateKey, selfSigned } from "../src/keys/self-signed.ts";
import { softwareHandle } from "../src/keys/software.ts";
import { describeKey } from "../src/keys/thumbprint.ts";
import {
  CHUNK_BYTES,
  MESSAGE_HEADER_BYTES,
  messageLength,
  newMessage,
  openChunk,
  SEALED_CHUNK_BYTES,
  sealChunk,
} from "../src/seal/cobblestone.ts";
import { messageSealer } from "../src/seal/message-stream.ts";
import { type Recipient, recipientOf } from "../src/seal/recipient.ts";
import { macLeaves } from "../src/seal/tree.ts";
import { fileSource } from "../src/source/file.ts";
import { fileSink } from "../src/source/file-sink.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import { writeQvd } from "../src/table/qvd-write.ts";
import { selectRows } from "../src/table/select.ts";
import type { Batch, ScanOptions, Table } from "../src/table/table.ts";
import type { BenchCase } from "./case.ts";
import { makeSales, ROWS, salesIn } from "./codec.ts";

const BYTES = 64 * 1024 * 1024;
const GCM = { authTagLength: 16 } as const;

/** Cases over chunks in memory: what sealing costs beside the bare cipher on the same chunks. */
function chunkCase(name: string, about: string, make: () => () => void | Promise<void>): BenchCase {
  return { name, about, prepare: async () => ({ rows: 0, bytes: BYTES, run: async () => make()() }) };
}

const key = new Uint8Array(randomBytes(32));
const context = new Uint8Array(60);
const plain = new Uint8Array(randomBytes(1024 * 1024));
const chunkAt = (i: number) =>
  plain.subarray((i * CHUNK_BYTES) % plain.byteLength, ((i * CHUNK_BYTES) % plain.byteLength) + CHUNK_BYTES);
const CHUNKS = BYTES / CHUNK_BYTES;
const target = new Uint8Array(SEALED_CHUNK_BYTES);

/** A person who opens what the benches seal; the key differs from run to run, its kind does not. */
function owner(): { readonly handle: KeyHandle; readonly recipient: Recipient } {
  const privateKey = generateKey("rsa-3072");
  const info = describeKey({ certificate: selfSigned(privateKey, "bench", 30) }, "bench", true);
  return { handle: softwareHandle(info, privateKey), recipient: recipientOf(info) };
}

const sealedIn = (folder: string) => join(folder, "sealed.qvd");

/** Seals every field of the sales table for `who`. */
async function sealSales(folder: string, who: Recipient): Promise<void> {
  const table = await openQvdTable(await fileSource((await salesIn(folder)).path));
  const sink = await fileSink(sealedIn(folder), { force: true });
  await sealQvd(table, sink, { slots: [{ name: "all", recipients: [who], fields: table.fields.map((f) => f.name) }] });
  await sink.commit();
  await table.close();
}

/** Rows whose first field has one of every ten symbols, as a table of its own. */
function tenth(table: Table, rows: number): Table {
  async function* scan(options: ScanOptions = {}): AsyncGenerator<Batch> {
    for await (const batch of table.scan(options)) {
      const [first] = batch.indexes;
      let kept = 0;
      for (let row = 0; row < batch.rows; row++) {
        if (first![row]! % 10 !== 0) continue;
        for (const column of batch.indexes) column[kept] = column[row]!;
        kept += 1;
      }
      if (kept > 0) yield { rowStart: 0, rows: kept, indexes: batch.indexes };
    }
  }
  return { ...table, rows, scan };
}

async function filterAndWrite(table: Table, path: string): Promise<void> {
  let rows = 0;
  for await (const batch of tenth(table, 0).scan({ fields: [0] })) rows += batch.rows;
  const filtered = tenth(table, rows);
  const selection = await selectRows(filtered, {});
  const sink = await fileSink(path, { force: true });
  const columns = selection.columns.map((c, k) => ({ ...table.fields[k]!, symbols: c.symbols, nullable: c.nullable }));
  await writeQvd(sink, { name: "tenth", columns, rows, batches: selection.batches() });
  await sink.commit();
}

async function sealedTable(folder: string, handle: KeyHandle) {
  return openSealedQvd(await fileSource(sealedIn(folder)), async () => handle);
}

const FILES = 200;

function rotateCase(jobs: number): BenchCase {
  return {
    name: `rotate/file-key/${jobs}`,
    about: `rewrap ${FILES} small files with an RSA-3072 key in this process, ${jobs} at a time; rows are files`,
    make: makeSales,
    async prepare(folder) {
      const [a, b] = [owner(), owner()];
      await sealSales(folder, a.recipient);
      const small = join(folder, "small");
      await mkdir(small, { recursive: true });
      const files = Array.from({ length: FILES }, (_, i) => join(small, `${i}.qvd`));
      const { size } = await stat(await sealSmall(folder, a.recipient));
      for (const file of files) await copyFile(join(folder, "small.qvd"), file);
      let [from, to] = [a, b];
      return {
        rows: FILES,
        bytes: FILES * size,
        async run() {
          const { handle } = from;
          const results = await rotateBatch(files, async () => handle, {
            from: { spkiS256: handle.info.spkiS256 },
            to: [to.recipient],
            jobs,
          });
          if (results.some((r) => r.state !== "done")) throw new Error("a file was not rotated");
          [from, to] = [to, from];
        },
      };
    },
  };
}

async function sealSmall(folder: string, who: Recipient): Promise<string> {
  const table = await openQvdTable(await fileSource((await salesIn(folder)).path));
  const selection = await selectRows(table, { to: 1000 });
  const path = join(folder, "small-plain.qvd");
  const sink = await fileSink(path, { force: true });
  await writeQvd(sink, {
    name: "small",
    rows: selection.rows,
    batches: selection.batches(),
    columns: selection.columns.map((c, k) => ({ ...table.fields[k]!, ...c })),
  });
  await sink.commit();
  const small = await openQvdTable(await fileSource(path));
  const out = await fileSink(join(folder, "small.qvd"), { force: true });
  await sealQvd(small, out, { slots: [{ name: "all", recipients: [who], fields: ["Customer", "Amount"] }] });
  await out.commit();
  return join(folder, "small.qvd");
}

export const SEAL_CASES: readonly BenchCase[] = [
  chunkCase("seal/bare", "createCipheriv on 16 KiB chunks, nothing else: what sealing is measured by", () => () => {
    for (let i = 0; i < CHUNKS; i++) {
      const cipher = createCipheriv("aes-256-gcm", key, chunkAt(i).subarray(0, 12), GCM);
      target.set(cipher.update(chunkAt(i)));
      cipher.final();
      target.set(cipher.getAuthTag(), CHUNK_BYTES);
    }
  }),
  chunkCase(
    "seal/seal",
    "sealing a part: Cobblestone-256 as a stream, with the leaf MACs of every sealed file",
    () => async () => {
      const mac = macLeaves(key, 0);
      const sealer = messageSealer(key, context, async (bytes) => mac.push(bytes));
      for (let i = 0; i < CHUNKS; i++) await sealer.push(chunkAt(i));
      await sealer.end();
      mac.end();
    },
  ),
  {
    name: "seal/open-bare",
    about: "createDecipheriv on 16 KiB chunks, nothing else",
    prepare: async () => ({ rows: 0, bytes: BYTES, run: openBare() }),
  },
  {
    name: "seal/open",
    about: "opening the chunks of a part",
    prepare: async () => {
      const message = newMessage(key, context);
      const one = new Uint8Array(messageLength(CHUNK_BYTES) - MESSAGE_HEADER_BYTES);
      sealChunk(message, 5, chunkAt(0), one, 0);
      const out = new Uint8Array(CHUNK_BYTES);
      return {
        rows: 0,
        bytes: BYTES,
        run: async () =>
          void Array.from({ length: CHUNKS }, () => openChunk(message, 5, one.subarray(0, SEALED_CHUNK_BYTES), out, 0)),
      };
    },
  },
  {
    name: "seal/filter-plain",
    about: "a tenth of the rows of the plain sales table, selected and written",
    make: makeSales,
    prepare: async (folder) => {
      const { path, bytes } = await salesIn(folder);
      return {
        rows: ROWS,
        bytes,
        run: async () => filterAndWrite(await openQvdTable(await fileSource(path)), join(folder, "tenth.qvd")),
      };
    },
  },
  {
    name: "seal/filter-sealed",
    about: "the same with every field sealed: opened, selected, written",
    make: makeSales,
    prepare: async (folder) => {
      const { bytes } = await salesIn(folder);
      const who = owner();
      await sealSales(folder, who.recipient);
      return {
        rows: ROWS,
        bytes,
        async run() {
          const table = await sealedTable(folder, who.handle);
          await filterAndWrite(table, join(folder, "tenth.qvd"));
          await table.close();
        },
      };
    },
  },
  rotateCase(1),
  rotateCase(2),
];

function openBare(): () => Promise<void> {
  const nonce = new Uint8Array(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, GCM);
  const sealed = cipher.update(chunkAt(0));
  cipher.final();
  const tag = cipher.getAuthTag();
  return async () => {
    for (let i = 0; i < CHUNKS; i++) {
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, GCM);
      decipher.setAuthTag(tag);
      target.set(decipher.update(sealed));
      decipher.final();
    }
  };
}
