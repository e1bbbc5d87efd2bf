import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { openFile } from "../../src/engine/open.ts";
import { MAX_HTTP_RANGE_BYTES } from "../../src/limits.ts";
import { HTTP_TIMEOUT_MS, httpSource } from "../../src/source/http.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { qvdOf } from "../helpers/tables.ts";

const BODY = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/f.qvd`;
}

interface Asked {
  readonly first: number;
  readonly last: number;
}

function asked(header: string | undefined): Asked {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header ?? "");
  if (match === null) throw new Error(`no single range was asked: ${header}`);
  return { first: Number(match[1]), last: Number(match[2]) };
}

function answer(response: ServerResponse, body: Uint8Array, { first, last }: Asked, etag = '"1"'): void {
  response.writeHead(206, { "content-range": `bytes ${first}-${last}/${body.byteLength}`, etag });
  response.end(body.subarray(first, last + 1));
}

/** A server of ranges; `from` can change what is said from that request on (0 is the one that finds the size). */
function ranges(body: Uint8Array, other?: (request: number, range: Asked, response: ServerResponse) => boolean) {
  let request = -1;
  const seen: Asked[] = [];
  const listener: RequestListener = (incoming, response) => {
    request += 1;
    const range = asked(incoming.headers.range);
    seen.push(range);
    if (other?.(request, range, response)) return;
    answer(response, body, range);
  };
  return { listener, seen };
}

describe("an HTTP source", () => {
  it("asks for exactly the ranges it needs", async () => {
    const { listener, seen } = ranges(BODY);
    const source = await httpSource(await serve(listener));
    expect(source.size).toBe(1000);
    expect(await source.read(10, 5)).toEqual(BODY.slice(10, 15));
    const target = new Uint8Array(4);
    await source.readInto(996, target);
    expect(target).toEqual(BODY.slice(996));
    expect((await source.read(1000, 0)).byteLength).toBe(0);
    await failure("SOURCE_RANGE", () => source.read(999, 2));
    expect(seen).toEqual([
      { first: 0, last: 0 },
      { first: 10, last: 14 },
      { first: 996, last: 999 },
    ]);
  });

  it("reads a table over ranges", async () => {
    const qvd = await qvdOf({
      fields: [{ name: "a" }, { name: "b" }],
      columns: [
        [1, 2],
        ["x", null],
      ],
    });
    const { listener, seen } = ranges(qvd);
    const opened = await openFile(await serve(listener));
    expect(await readRows(opened.table, { fields: [1] })).toEqual([["x"], [null]]);
    await opened.close();
    // Size, first bytes, header, one symbol table, the records.
    expect(seen.length).toBe(5);
  });

  it("takes 416 on the first byte for an empty file", async () => {
    const url = await serve((_, response) => response.writeHead(416, { "content-range": "bytes */0" }).end());
    expect((await httpSource(url)).size).toBe(0);
  });

  it("refuses a server that ignores ranges, without reading the file", async () => {
    const url = await serve((_, response) => response.writeHead(200).end(BODY));
    const error = await failure("SOURCE_READ", () => httpSource(url));
    expect(error.message).toContain("byte ranges");
  });

  it("tells a missing file from a refusal", async () => {
    for (const [status, code] of [
      [404, "SOURCE_NOT_FOUND"],
      [410, "SOURCE_NOT_FOUND"],
      [403, "SOURCE_READ"],
      [500, "SOURCE_READ"],
    ] as const) {
      const url = await serve((_, response) => response.writeHead(status).end());
      await failure(code, () => httpSource(url));
      server!.close();
    }
  });

  it("gives up on a server that says nothing, before its answer, at its first byte and in the middle", async () => {
    expect(HTTP_TIMEOUT_MS).toBe(30_000);
    const stalled = async (from: number, response: (r: ServerResponse) => void) => {
      const { listener } = ranges(BODY, (request, _, answered) => {
        if (request < from) return false;
        response(answered);
        return true;
      });
      const url = await serve(listener);
      const error = await failure("SOURCE_READ", async () =>
        (await httpSource(url, undefined, 200)).read(0, BODY.byteLength),
      );
      expect(error.message).toMatch(/f\.qvd sent nothing for 0\.2 s$/);
      // The connection is closed, not left to the server.
      await new Promise<void>((resolve, reject) => {
        const open = () =>
          server!.getConnections((cause, count) =>
            cause ? reject(cause) : count === 0 ? resolve() : setTimeout(open, 10),
          );
        open();
      });
      server!.close();
    };
    await stalled(0, () => {});
    await stalled(1, () => {});
    const head = { "content-range": `bytes 0-${BODY.byteLength - 1}/${BODY.byteLength}`, etag: '"1"' };
    await stalled(1, (response) => response.writeHead(206, head).flushHeaders());
    await stalled(1, (response) => void response.writeHead(206, head).write(BODY.subarray(0, 10)));
  });

  it("waits for each piece anew, so that a slow server is read to the end", async () => {
    const { listener } = ranges(BODY, (request, { first, last }, response) => {
      if (request === 0) return false;
      response.writeHead(206, { "content-range": `bytes ${first}-${last}/${BODY.byteLength}`, etag: '"1"' });
      let at = 0;
      const timer = setInterval(() => {
        response.write(BODY.subarray(at, at + 200));
        at += 200;
        if (at >= BODY.byteLength) {
          clearInterval(timer);
          response.end();
        }
      }, 150);
      return true;
    });
    // Five pieces take 750 ms in all, each of them far less than what one is waited for.
    const source = await httpSource(await serve(listener), undefined, 600);
    expect(await source.read(0, BODY.byteLength)).toEqual(BODY);
  });

  it("says that nobody answers, and that an address is none", async () => {
    const url = await serve(() => {});
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    server = undefined;
    await failure("SOURCE_READ", () => httpSource(url));
    await failure("USAGE", () => httpSource("http://"));
    await failure("USAGE", () => httpSource("http://[::bad/"));
  });

  it("notices a file that changed: by validator, by size, by a range that is gone", async () => {
    const others: ((range: Asked, response: ServerResponse) => void)[] = [
      (range, response) => answer(response, BODY, range, '"2"'),
      (range, response) => answer(response, BODY.subarray(0, 900), range),
      (_, response) => response.writeHead(416, { "content-range": "bytes */5" }).end(),
    ];
    for (const other of others) {
      const { listener } = ranges(BODY, (request, range, response) => {
        if (request < 2) return false;
        other(range, response);
        return true;
      });
      const source = await httpSource(await serve(listener));
      expect(await source.read(0, 10)).toEqual(BODY.slice(0, 10));
      await failure("SOURCE_CHANGED", () => source.read(0, 10));
      server!.closeAllConnections();
      server!.close();
    }
  });

  it("refuses another range than was asked, though it has the right length", async () => {
    const { listener } = ranges(BODY, (request, { first, last }, response) => {
      if (request < 1) return false;
      answer(response, BODY, { first: first + 1, last: last + 1 });
      return true;
    });
    const source = await httpSource(await serve(listener));
    await failure("SOURCE_READ", () => source.read(20, 10));
  });

  it("refuses answers without a Content-Range", async () => {
    const url = await serve((_, response) => response.writeHead(206).end(BODY.subarray(0, 1)));
    await failure("SOURCE_READ", () => httpSource(url));
  });

  it("refuses short answers, long answers and connections that break off", async () => {
    const head = { "content-range": "bytes 0-99/1000", etag: '"1"' };
    for (const [code, other] of [
      ["SOURCE_SHORT", (r: ServerResponse) => r.writeHead(206, head).end(BODY.subarray(0, 99))],
      ["SOURCE_READ", (r: ServerResponse) => r.writeHead(206, head).end(BODY.subarray(0, 101))],
      [
        "SOURCE_SHORT",
        (r: ServerResponse) => {
          r.writeHead(206, { ...head, "content-length": "100" });
          r.write(BODY.subarray(0, 50), () => r.socket?.destroy());
        },
      ],
    ] as const) {
      const { listener } = ranges(BODY, (request, _, response) => {
        if (request < 1) return false;
        other(response);
        return true;
      });
      const source = await httpSource(await serve(listener));
      await failure(code, () => source.read(0, 100));
      server!.closeAllConnections();
      server!.close();
    }
  });

  it("keeps users, passwords and query strings out of its name and messages", async () => {
    const fetchLike = async () => new Response(null, { status: 403 });
    const error = await failure("SOURCE_READ", () =>
      httpSource("https://me:pin@host.example/f.qvd?sig=abc", fetchLike),
    );
    expect(error.message).toContain("https://host.example/f.qvd");
    expect(error.message).not.toMatch(/me:|pin|sig|abc/);
  });

  it(`takes ranges up to MAX_HTTP_RANGE_BYTES and asks for no longer one`, async () => {
    let requests = 0;
    const total = MAX_HTTP_RANGE_BYTES * 2;
    const source = await httpSource("https://host.example/f", async (_, { headers }) => {
      requests += 1;
      const { first, last } = asked(headers.range);
      return new Response(new Uint8Array(requests === 1 ? 1 : 3), {
        status: 206,
        headers: { "content-range": `bytes ${first}-${last}/${total}` },
      });
    });
    await failure("LIMIT_EXCEEDED", () => source.read(0, MAX_HTTP_RANGE_BYTES + 1));
    expect(requests).toBe(1);
    // The request at the limit is made; the server of this test is short on purpose.
    await failure("SOURCE_SHORT", () => source.read(0, MAX_HTTP_RANGE_BYTES));
    expect(requests).toBe(2);
  });
});
