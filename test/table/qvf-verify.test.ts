import { describe, expect, it } from "vitest";
import { encodeJsonFrame } from "../../src/container/qvf/frame.ts";
import { verify } from "../../src/engine/verify.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openBytes } from "../helpers/qvf.ts";
import { goodImage, withoutStream, withStream } from "../helpers/qvf-image.ts";

interface Meta {
  qhas_section_access?: boolean;
  qfields: { qname: string; qcardinal: number }[];
  qtables: { qname: string; qno_of_rows: number; qno_of_fields: number }[];
}

const findingsIn = async (bytes: Uint8Array) => {
  const { findings } = await verify(memorySource(bytes));
  return findings.map(({ level, code, part, message }) => `${level} ${code} ${part}: ${message}`);
};

/** What is found in the good app when `qvapp_meta` says something else. */
async function saying(edit: (meta: Meta) => void): Promise<readonly string[]> {
  const app = await openBytes(await goodImage());
  const meta = JSON.parse(new TextDecoder().decode(await app.content("qvapp_meta"))) as Meta;
  edit(meta);
  return findingsIn(await withStream("qvapp_meta", () => encodeJsonFrame(meta)));
}

describe("verifying an app against its qvapp_meta", () => {
  it("finds nothing in the good one, nor in one that says nothing of it", async () => {
    expect(await saying(() => {})).toEqual([]);
    expect(await saying((meta) => delete meta.qhas_section_access)).toEqual([]);
    expect(await findingsIn(await withoutStream("qvapp_meta"))).toEqual([]);
  });

  it("finds section access that is gone", async () => {
    const gone = "deviation QVF_META qvapp_meta: qvapp_meta says that the app has section access, and there is none";
    expect(await findingsIn(await withoutStream("qvapp_qaccess"))).toEqual([gone]);
  });

  it("finds other counts of symbols, rows and fields, and fields that are not there", async () => {
    const found = await saying(({ qfields, qtables }) => {
      const field = qfields.find(({ qname }) => qname === "Name")!;
      field.qcardinal += 1;
      qfields.push({ qname: "Lost", qcardinal: 2 });
      const table = qtables.find(({ qname }) => qname === "Keys")!;
      table.qno_of_rows += 1;
      table.qno_of_fields += 1;
    });
    const says = (what: string) => expect.stringMatching(new RegExp(`^deviation QVF_META qvapp_meta: ${what}`));
    expect(found).toEqual([
      says('symbols of field "Name": qvapp_meta says \\d+, the model has \\d+$'),
      says('symbols of field "Lost": qvapp_meta says 2, the model has none$'),
      says('rows of table "Keys": qvapp_meta says \\d+, the model has \\d+$'),
      says('fields of table "Keys": qvapp_meta says \\d+, the model has \\d+$'),
    ]);
  });
});
