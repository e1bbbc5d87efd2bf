// The scalar kernel as C (wasm2c) under libFuzzer and AddressSanitizer: all of its memory is poisoned but the regions of
// one call and the slack behind each, so that a read or write anywhere else stops the run. What the calls give is held
// against loops over single bits. Built and run by kernel-native.sh.
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel.h"

enum { BASE = 65536, PAGES = 64, SLACK = 64, ALIGN = 64, COLUMN = 128, MAX_ROWS = 1000, MAX_COLUMNS = 4 };

static wasm_rt_memory_t memory;
static Z_kernel_instance_t kernel;
static u32 top;

wasm_rt_memory_t *Z_envZ_memory(struct Z_env_instance_t *env) {
  (void)env;
  return &memory;
}

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "kernel-native: %s\n", what);
  abort();
}

/** What is left of the input; zeros behind its end. */
static const u8 *input;
static size_t left;
static u8 byte(void) { return left == 0 ? 0 : (left--, *input++); }
static u32 word(void) {
  u32 low = byte();
  return low | (u32)byte() << 8;
}

static u8 *at(u32 pointer) { return memory.data + pointer; }
static u32 get(u32 pointer) {
  u32 value;
  memcpy(&value, at(pointer), 4);
  return value;
}
static void put(u32 pointer, u32 value) { memcpy(at(pointer), &value, 4); }

static u32 region(u32 bytes) {
  const u32 here = top;
  top += (bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
  must(top <= PAGES * 65536u, "the harness has too little memory");
  ASAN_UNPOISON_MEMORY_REGION(at(here), bytes + SLACK);
  memset(at(here), 0, bytes + SLACK);
  return here;
}
static u32 filled(u32 bytes) {
  const u32 here = region(bytes);
  for (u32 i = 0; i < bytes; i++) *at(here + i) = byte();
  return here;
}
static void fresh(void) {
  top = BASE;
  ASAN_POISON_MEMORY_REGION(at(BASE), PAGES * 65536u - BASE);
}

static int bit(u32 pointer, u64 n) { return *at(pointer + (u32)(n >> 3)) >> (n & 7) & 1; }

struct column {
  u32 base, stride, offset, width, table, entries;
  s32 bias;
};

static u32 stored(const struct column *c, u32 row) {
  u32 value = 0;
  for (u32 k = 0; k < c->width; k++) value |= (u32)bit(c->base, c->offset + (u64)row * c->stride + k) << k;
  return value;
}

static u32 descriptors(const struct column *columns, u32 count) {
  const u32 all = region(count * COLUMN);
  for (u32 k = 0; k < count; k++) {
    const struct column *c = &columns[k];
    const u32 to = all + k * COLUMN;
    put(to, c->base);
    put(to + 4, c->stride);
    put(to + 8, c->offset);
    put(to + 12, c->width);
    put(to + 16, (u32)c->bias);
    put(to + 20, c->table);
    put(to + 24, c->entries);
  }
  return all;
}

static void columns_of(u32 op) {
  static const s32 biases[] = {0, -2, 1, 300};
  const u32 rows = word() % (MAX_ROWS + 1);
  const int vectors = byte() & 1;
  const u32 record_bytes = 1 + byte() % 24;
  const u32 wanted = 1 + byte() % MAX_COLUMNS;
  struct column columns[MAX_COLUMNS];
  u32 count = 0;
  u32 next = 0;
  for (u32 k = 0; k < wanted; k++) {
    struct column c = {.width = byte() % 33, .offset = byte() % 16, .bias = biases[byte() & 3]};
    const u32 entries = word() % 3001;
    c.entries = c.width < 12 && entries > 1u << c.width ? 1u << c.width : entries;
    if (!vectors) c.offset += next;
    c.stride = vectors ? c.width : record_bytes * 8;
    if (!vectors && c.offset + c.width > record_bytes * 8) continue;
    next = c.offset + c.width;
    columns[count++] = c;
  }
  const u32 records = filled(rows * record_bytes);
  const u32 mask = filled((rows + 63) / 64 * 8);
  for (u32 r = rows; r < (rows + 63) / 64 * 64; r++) *at(mask + r / 8) &= (u8) ~(1u << (r & 7));
  u8 before[(MAX_ROWS + 63) / 64 * 8];
  memcpy(before, at(mask), (rows + 63) / 64 * 8);
  for (u32 k = 0; k < count; k++) {
    struct column *c = &columns[k];
    c->base = vectors ? filled((c->offset + rows * c->width + 7) / 8) : records;
    c->table = op == 0 ? region(rows * 4) : op < 3 ? filled((c->entries + 31) / 32 * 4) : region((c->entries + 31) / 32 * 4);
  }
  const u32 all = descriptors(columns, count);
  if (op == 0) {
    Z_kernelZ_unpack(&kernel, all, count, rows);
    for (u32 k = 0; k < count; k++)
      for (u32 r = 0; r < rows; r++)
        must(get(columns[k].table + 4 * r) == stored(&columns[k], r) + (u32)columns[k].bias, "unpack");
  } else if (op < 3) {
    Z_kernelZ_test(&kernel, all, count, rows, mask, op == 2);
    for (u32 r = 0; r < rows; r++) {
      int passes = op == 2 ? before[r / 8] >> (r & 7) & 1 : 1;
      for (u32 k = 0; k < count && passes; k++) {
        const u32 s = stored(&columns[k], r);
        passes = s < columns[k].entries && bit(columns[k].table, s);
      }
      must(bit(mask, r) == passes, "test");
    }
  } else {
    Z_kernelZ_scatter(&kernel, all, count, rows, op == 3 ? mask : 0);
    for (u32 k = 0; k < count; k++) {
      u8 seen[3008 / 8] = {0};
      for (u32 r = 0; r < rows; r++) {
        const u32 s = stored(&columns[k], r);
        if ((op == 4 || bit(mask, r)) && s < columns[k].entries) seen[s / 8] |= (u8)(1u << (s & 7));
      }
      must(memcmp(seen, at(columns[k].table), (columns[k].entries + 7) / 8) == 0, "scatter");
    }
  }
}

static void compact(void) {
  const u32 rows = word() % (MAX_ROWS + 1);
  const u32 record_bytes = 1 + byte() % 40;
  const u32 mask = filled((rows + 63) / 64 * 8);
  u32 kept = 0;
  for (u32 r = 0; r < (rows + 63) / 64 * 64; r++) {
    if (r >= rows) *at(mask + r / 8) &= (u8) ~(1u << (r & 7));
    kept += (u32)bit(mask, r);
  }
  const u32 records = filled(rows * record_bytes);
  const u32 out = region(kept * record_bytes);
  must(Z_kernelZ_countRows(&kernel, mask, rows) == kept, "countRows");
  must(Z_kernelZ_compact(&kernel, records, record_bytes, rows, mask, out) == kept, "compact: its number");
  u32 n = 0;
  for (u32 r = 0; r < rows; r++) {
    if (!bit(mask, r)) continue;
    must(memcmp(at(records + r * record_bytes), at(out + n++ * record_bytes), record_bytes) == 0, "compact");
  }
}

/** Unicode 15, table 3-7. */
static u32 well_formed(const u8 *text, u32 length) {
  u32 i = 0;
  while (i < length) {
    const u8 lead = text[i];
    const u32 more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 9;
    if (more == 9 || i + more >= length) return i;
    for (u32 k = 1; k <= more; k++) {
      const u8 low = k > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
      const u8 high = k > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
      if (text[i + k] < low || text[i + k] > high) return i;
    }
    i += more + 1;
  }
  return length;
}

static u32 crc32c(const u8 *bytes, u32 length) {
  u32 crc = ~0u;
  for (u32 i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
  }
  return ~crc;
}

static void text(void) {
  const u32 count = word() % 4001;
  const u32 length = (u32)left;
  const u32 bytes = filled(length);
  const u32 starts = region((count + 1) * 4);
  const u32 report = region(12);
  must(Z_kernelZ_utf8(&kernel, bytes, length) == well_formed(at(bytes), length), "utf8");
  must(Z_kernelZ_crc32c(&kernel, bytes, length, 0) == crc32c(at(bytes), length), "crc32c");
  if (Z_kernelZ_symbols(&kernel, bytes, length, count, starts, report) != 0) return;
  must(get(report) == count, "symbols: their number");
  for (u32 i = 0; i < count; i++) must(get(starts + 4 * i) < get(starts + 4 * i + 4), "symbols: their order");
  must(get(starts + 4 * count) <= length, "symbols: their end");
  const u32 good = Z_kernelZ_symbolsUtf8(&kernel, bytes, starts, count);
  must(good <= count, "symbolsUtf8");
  for (u32 i = 0; i < count; i++) {
    const u32 from = get(starts + 4 * i);
    const u32 number = (const u8[]){0, 4, 8, 0, 0, 4, 8}[*at(bytes + from)];
    const u32 end = get(starts + 4 * i + 4) - (*at(bytes + from) >= 4);
    const u32 size = end - (from + 1 + number);
    const int sound = well_formed(at(bytes + from + 1 + number), size) == size;
    must(i < good ? sound : i > good || !sound, "symbolsUtf8: which");
    if (i == good) break;
  }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  if (memory.data == NULL) {
    wasm_rt_init();
    wasm_rt_allocate_memory(&memory, PAGES, PAGES);
    Z_kernel_init_module();
    Z_kernel_instantiate(&kernel, NULL);
    Z_kernelZ_init(&kernel);
  }
  input = data;
  left = size;
  fresh();
  const u32 op = byte() % 7;
  if (op < 5) columns_of(op);
  else if (op == 5) compact();
  else text();
  return 0;
}
