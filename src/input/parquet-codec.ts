import { type CompressionCodec, type Compressors, snappyUncompress } from "hyparquet";
import { Inflate } from "pako";
import { needs } from "../errors.ts";
import type { ParquetPage } from "./parquet-pages.ts";
import { snappyLength } from "./parquet-snappy.ts";

/** Codecs that pages may be packed with. */
export const PARQUET_CODECS: readonly CompressionCodec[] = ["UNCOMPRESSED", "SNAPPY", "GZIP"];

/** Deflate makes at most 258 bytes of 2 bits, 1,032 of a byte. */
const DEFLATE_RATIO = 1032;

/**
 * Unpackers that check the length a page header claims before they allocate it, and that the page is that long.
 * @param pages what the pages of the column hold, in the order in which they will be unpacked
 * @throws from the unpackers: `LIMIT_EXCEEDED` on a claim beyond `limit`, `IMPORT_SYNTAX` on a page that does not unpack to
 *   its claim
 */
export function parquetCompressors(limit: number, pages: readonly ParquetPage[] = []): Compressors {
  let next = 0;
  const checked = (unpacked: Uint8Array): Uint8Array => {
    pages[next++]?.check(unpacked);
    return unpacked;
  };
  const output = (length: number, fits: () => boolean): Uint8Array => {
    needs(length >= 0, "IMPORT_SYNTAX", "a page of the Parquet file claims a negative length");
    needs(length <= limit, "LIMIT_EXCEEDED", `a page of the Parquet file claims more than ${limit} bytes`);
    needs(fits(), "IMPORT_SYNTAX", "a page of the Parquet file does not unpack to the length that it claims");
    return new Uint8Array(length);
  };
  return {
    SNAPPY(packed, length) {
      const page = output(length, () => snappyLength(packed) === length);
      snappyUncompress(packed, page);
      return checked(page);
    },
    GZIP(packed, length) {
      const page = output(length, () => length <= DEFLATE_RATIO * packed.byteLength);
      const inflate = new Inflate();
      let at = 0;
      inflate.onData = (piece) => {
        const bytes = piece as Uint8Array;
        needs(
          at + bytes.length <= length,
          "IMPORT_SYNTAX",
          "a page of the Parquet file unpacks to more than it claims",
        );
        page.set(bytes, at);
        at += bytes.length;
      };
      inflate.push(packed, true);
      needs(inflate.err === 0 && at === length, "IMPORT_SYNTAX", "a page of the Parquet file does not unpack");
      return checked(page);
    },
  };
}
