/**
 * Every hard limit on what a file may claim, each with its reason. A length from a file is compared first with what is
 * left of the file and then with the limit here, before anything is allocated.
 */

/** XML header, bytes. The largest real header seen has 84,823 bytes (156 fields); 16 MiB is 190 times that. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

/**
 * Characters of a number format by which numbers are shown. It stands in a file once, and what is in it in each cell: a
 * file of 241 KB had one of 100 KB, and took 4 GB as Parquet. None in a real QVD has ninety.
 */
export const MAX_FORMAT_CHARACTERS = 256;

/** Characters of its separators; that of thousands comes a hundred times in a great number. */
export const MAX_SEPARATOR_CHARACTERS = 8;

/** Depth of XML elements. A QVD header needs 5. */
export const MAX_XML_DEPTH = 32;

/**
 * Elements in one XML header. Qlik writes about 20 a field. Bounds the element tree, which takes up to 400 bytes an
 * element on Node 24, so that no header alone takes a process to 256 MiB.
 */
export const MAX_XML_ELEMENTS = 200_000;

/**
 * Fields in one table. Qlik tables with more than a few thousand are unknown; this many have 165,000 elements. In text they
 * cost two bytes each, and then some 14 KB of memory.
 */
export const MAX_FIELDS = 8192;

/** Bytes of one record: every field at the greatest width (32 bits) is 4 bytes a field. */
export const MAX_RECORD_BYTES = 4 * MAX_FIELDS;

/** Bits of one index. NoOfSymbols is a 32-bit count in practice, so a wider index can only be damage. */
export const MAX_BIT_WIDTH = 32;

/** Symbols of one field: the index into them, less the bias, must fit an int32. */
export const MAX_SYMBOLS = 2 ** 31 - 3;

/** Bytes of one symbol table held in memory: offsets into it are kept as uint32. */
export const MAX_SYMBOL_BYTES = 2 ** 32 - 1;

/** Rows of one table: a record number must be an exact double after multiplication by the record size. */
export const MAX_ROWS = 2 ** 40;

/** Lists and objects inside each other in JSON that is held as a whole. */
export const MAX_JSON_DEPTH = 512;

/**
 * Lists, objects and named members of such JSON. An app whose meta has eight million lists took 5 to 10 s;
 * the largest object of a real app has 6,000.
 */
export const MAX_JSON_ITEMS = 1_000_000;

/** Bytes of one row of text input (CSV record, NDJSON line); a longer one is an unclosed quote or no text file. */
export const MAX_INPUT_RECORD_BYTES = 64 * 1024 * 1024;

/** Bytes of one HTTP answer to a range request beyond what was asked: none; a server that ignores Range is refused. */
export const MAX_HTTP_RANGE_BYTES = 256 * 1024 * 1024;

/** Rows of a table whose records have no bytes (qvdrs writes such for all-constant tables); see `planLayout`. */
export const MAX_ROWS_WITHOUT_BYTES = 2 ** 20;

/**
 * Cells that a table may have in columns of no bits, beside {@link FREE_CELLS_A_BYTE} for each byte of its records: such
 * a column costs a row nothing, and reading it does.
 */
export const MAX_FREE_CELLS = 2 ** 24;

/** Columns of no bits that a byte of a record pays for; a table with a key of two bytes may have 2048 constant columns. */
export const FREE_CELLS_A_BYTE = 1024;

/** A stream (standard input) as a whole, bytes: it goes to temporary space, which is not endless. */
export const MAX_STREAM_BYTES = 2 ** 40;

/** Bytes of the texts in one Arrow dictionary: their offsets are int32. */
export const MAX_ARROW_TEXT_BYTES = 2 ** 31 - 1;

/** Synthetic keys of one model. Each comes from a distinct set of shared fields, of which hostile tables have 2^n. */
export const MAX_SYNTHETIC_KEYS = 1024;

/** Rows of one table held in memory: row numbers and counts are int32. */
export const MAX_MODEL_ROWS = 2 ** 31 - 1;

/** Exact tuples of one user (`combine: "tuples"`): each costs a propagation of its own. */
export const MAX_ACCESS_TUPLES = 4096;
/** Directories of a QVF inside each other. Real files have two levels (`data/`, `media/`). */
export const MAX_QVF_DEPTH = 8;

/** Extent tables of a QVF stream inside each other. One level of indirection is the deepest seen. */
export const MAX_QVF_EXTENT_DEPTH = 4;

/** Streams and directories of one QVF: every field and table is a stream, so room for 65,536 fields and the objects. */
export const MAX_QVF_ENTRIES = 262_144;

/** Bytes of one QVF directory: 64-byte slots, about ten an entry where the meta is long. */
export const MAX_QVF_DIRECTORY_BYTES = 64 * 1024 * 1024;

/** Bytes of one QVF stream read at once: what one read of the operating system gives. */
export const MAX_QVF_STREAM_BYTES = 2 ** 31 - 1;

/**
 * Inflated bytes of one QVF object, script or image. The largest seen, a property blob, has under 0.3 MB. A text takes
 * five times its bytes while it is read, which must stay under 256 MiB.
 */
export const MAX_QVF_FRAME_BYTES = 24 * 1024 * 1024;

/** Fields of one QVF model, of all its tables together. The largest app seen has 245. */
export const MAX_APP_FIELDS = 16_384;

/** Damaged pieces of a sealed file that are named; more are counted. Pieces that follow each other count once. */
export const MAX_DAMAGE_FINDINGS = 1000;

/** Tables of one QVF model, section access included. The largest app seen has 39. */
export const MAX_QVF_TABLES = 16_384;

/**
 * Pairs of tables that are associated, counted for each field that they share: they grow with the square of the tables,
 * and an app of 2 MB had a million, which took 600 MB. One field in 362 tables makes as many.
 */
export const MAX_ASSOCIATIONS = 65_536;

/** Tables in a picture, each of which is moved away from each other. Nobody reads one of more than some dozens. */
export const MAX_DRAWN_TABLES = 1024;

/**
 * Symbols of a QVF field of consecutive integers or of a synthetic key, which the file states with four bytes: they are
 * written out in memory, 9 bytes each.
 */
export const MAX_QVF_IMPLICIT_SYMBOLS = 2 ** 26;

/**
 * How many of them a file of any size may state, beside {@link IMPLICIT_SYMBOLS_A_BYTE} for each of its bytes: each is in
 * a row of some table, which takes about a byte.
 */
export const MAX_FREE_SYMBOLS = 2 ** 22;

/** Symbols that a byte of the file pays for; deflate brings the numbers of rows to an eighth at the best. */
export const IMPLICIT_SYMBOLS_A_BYTE = 8;

/**
 * Bytes that the columns of a QVF table, or the symbols of a field, may inflate to beside {@link INFLATED_A_BYTE} for each
 * byte of their stream: they are held in memory, and a deflate bomb has a thousand for each.
 */
export const MAX_FREE_INFLATED_BYTES = 96 * 1024 * 1024;

/** A table of which a byte says more than 128 bytes, all columns together, and over 96 MiB, was made to be one. */
export const INFLATED_A_BYTE = 128;

/** Size of a damaged QVF that is searched for what survives: every byte of it is looked at. */
export const MAX_QVF_SALVAGE_BYTES = 4 * 1024 ** 3;
/** Value combinations of one user that lint counts one by one when it looks for unintended ones. */
export const MAX_LINT_COMBINATIONS = 1_000_000;

/** Bytes of section access in JSON, which is held as text: a million rows of some columns are less. */
export const MAX_ACCESS_JSON_BYTES = 256 * 1024 * 1024;

/**
 * Bytes of a file that is written by hand or by few: manifest, policy case, script, list of names, password. The largest
 * of them, the manifest of an extracted app, has some 250 bytes for each of up to a few thousand streams.
 */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** Bytes of one line of the journal of a rotation: a path and what became of it. */
export const MAX_JOURNAL_LINE_BYTES = 64 * 1024;

/** Findings of one audit log that are listed; more are counted. */
export const MAX_AUDIT_FINDINGS = 10_000;

/** Bytes of one line of an audit log: an event names tables, fields and groups of one user, a few kilobytes. */
export const MAX_AUDIT_LINE_BYTES = 4 * 1024 * 1024;
/** Bytes of one row group of a Parquet file as stored, and of one column of it unpacked: each is held in memory as a whole. */
export const MAX_PARQUET_CHUNK_BYTES = 2 ** 30;
/** Bytes of the footer of a Parquet file: some hundred for each column of each row group. */
export const MAX_PARQUET_FOOTER_BYTES = 64 * 1024 * 1024;

/** Bytes that one page of a Parquet file unpacks to. Writers aim at one MiB; some make one page of a row group. */
export const MAX_PARQUET_PAGE_BYTES = 128 * 1024 * 1024;

/**
 * Values (rows times columns) of a row group that a Parquet file may have beside {@link PARQUET_VALUES_A_BYTE} for each of
 * its bytes: runs make any number of equal values out of two bytes, and all are written out, some 70 bytes each.
 */
export const MAX_PARQUET_FREE_VALUES = 2 ** 21;

/** A row group of 122,880 rows and 200 columns, most of them empty, has as many values for each of 400,000 bytes. */
export const PARQUET_VALUES_A_BYTE = 64;

/**
 * Bytes that the pages of a Parquet file may unpack to, or its texts be written out to, beside {@link INFLATED_A_BYTE} for
 * each byte of the file: a text is there four times while it is read.
 */
export const MAX_PARQUET_FREE_BYTES = 32 * 1024 * 1024;

/** Plaintext bytes of one sealed part; far above any table, far below the 2^52 bytes of the construction. */
export const MAX_SEALED_PART_BYTES = 2 ** 40;

/** Sealed columns (or members of an app) in one file: each has a key and three parts in the manifest. */
export const MAX_SEALED_ITEMS = 4096;

/** Slots (audiences) of one file. Each costs one private-key operation to try. */
export const MAX_SLOTS = 64;

/** Recipients of one slot. Each is tried against the key stores, so this bounds what a hostile file can make them do. */
export const MAX_RECIPIENTS = 256;

/** The JWE of one slot: 256 recipients of RSA-4096 need about 220 KB. */
export const MAX_JWE_BYTES = 1024 * 1024;

/** Manifest of a sealed file: 32 bytes for each MiB of plain data and 48 for each of sealed data, so enough for 1 TiB. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Key area of a sealed file: 64 slots with some recipients each; 256 recipients in every one would need more. */
export const MAX_KEYS_BYTES = 32 * 1024 * 1024;

/** Proofs of a sealed file: 65 MACs and a signature, whose own length has two bytes. */
export const MAX_PROOF_BYTES = 128 * 1024;

/** Nesting of MessagePack in a manifest or key entry; the deepest one written here has 5 levels. */
export const MAX_MSGPACK_DEPTH = 8;

/** Values in one MessagePack message: about ten for each of 4096 sealed items with three parts, ten times over. */
export const MAX_MSGPACK_VALUES = 1_000_000;

/** A key file (PEM or PKCS#12); a chain of certificates with keys has some tens of kilobytes. */
export const MAX_KEY_FILE_BYTES = 1024 * 1024;

/** Files of a folder of keys that are looked at. */
export const MAX_KEY_FILES = 4096;

/** Iterations of one password derivation in a key file. NSS writes 600,000. */
export const MAX_KDF_ITERATIONS = 1_000_000;

/**
 * Iterations of all password derivations of one key file, both ways of having no password tried. NSS asks for three
 * times 600,000; without this a file of many small bags would keep a processor for hours.
 */
export const MAX_KEY_FILE_ITERATIONS = 2_500_000;

/**
 * Bits of an RSA key: what OpenSSL takes of a public one. An operation with a private key of twice the length takes eight
 * times as long, and OpenSSL sets no end to that.
 */
export const MAX_RSA_BITS = 16_384;

/** A message between this process and the one that runs a PKCS#11 module: 4096 certificates of 4 KB. */
export const MAX_ISOLATED_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Objects of one token that are listed. */
export const MAX_TOKEN_OBJECTS = 4096;
/** Linear memory of one kernel, bytes: what 32-bit addresses reach, less the kernel's own and room for slack. */
export const MAX_KERNEL_BYTES = 2 ** 32 - 2 ** 20;
