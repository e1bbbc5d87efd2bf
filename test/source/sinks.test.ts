import { expect, it } from "vitest";
import { memorySink } from "../../src/source/sink.ts";
import { streamSource } from "../../src/source/stream.ts";

it("a memory sink keeps what it was given when the caller writes over a Buffer", async () => {
  const sink = memorySink();
  const piece = Buffer.from([1, 2, 3]);
  await sink.write(piece);
  piece.fill(9);
  await sink.commit();
  expect([...sink.result()]).toEqual([1, 2, 3]);
});

it("a stream source keeps what it was given when the stream writes over a Buffer", async () => {
  async function* reused() {
    const piece = Buffer.from([1, 2]);
    yield piece;
    piece.fill(9);
    yield piece;
  }
  const source = await streamSource(reused(), "test");
  expect([...(await source.read(0, 4))]).toEqual([1, 2, 9, 9]);
});
