#!/bin/sh
# The scalar kernel through wasm2c, clang, libFuzzer and AddressSanitizer (Debian: apt install wabt clang).
#   npm run --silent build && sh test/fuzz/kernel-native.sh [SECONDS] [--record]
# The SIMD build cannot be had so: wasm2c of Debian 12 does not translate SIMD.
set -eu
cd "$(dirname "$0")/../.."
seconds=60
record=no
for word in "$@"; do
  case "$word" in
    --record) record=yes ;;
    *) seconds=$word ;;
  esac
done
for tool in clang wasm2c; do
  command -v "$tool" > /dev/null || { echo "kernel-native: $tool is missing: apt install wabt clang" >&2; exit 2; }
done
runtime=/usr/share/wabt/wasm2c
out=build/kernel-native
mkdir -p "$out/corpus"
node --input-type=module -e '
import { writeFileSync } from "node:fs";
import { kernelCode } from "./dist/src/kernel/module.js";
writeFileSync(process.argv[1], kernelCode("scalar"));
' "$out/kernel.wasm"
wasm2c "$out/kernel.wasm" -n kernel -o "$out/kernel.c"
clang -O1 -g -w -fsanitize=fuzzer,address -DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0 -I"$out" -I"$runtime" \
  test/fuzz/kernel-native.c "$out/kernel.c" "$runtime/wasm-rt-impl.c" -lm -o "$out/fuzz"
log=$out/log
status=0
"$out/fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 -artifact_prefix="$out/" \
  "$out/corpus" 2> "$log" || status=$?
grep -E '^(kernel-native|==.*ERROR|SUMMARY|stat::number|stat::average)' "$log" || true
[ "$status" = 0 ] || { echo "kernel-native: see $log; the input lies in $out" >&2; exit 1; }
[ "$record" = yes ] || exit 0
# Runs are added up, as those of npm run fuzz.
node --input-type=module -e '
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, release } from "node:os";
const [log, seconds] = process.argv.slice(1);
const path = "test/trust/results/kernel-native.json";
const before = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { runs: 0, seconds: 0, executions: 0 };
const text = readFileSync(log, "utf8");
const edges = Number([...text.matchAll(/ cov: (\d+)/g)].at(-1)[1]);
const all = Number(/\((\d+) inline 8-bit counters\)/.exec(text)[1]);
const result = {
  command: `sh test/fuzz/kernel-native.sh ${seconds}`,
  machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}, ${platform()} ${release()} ${arch()}`,
  date: new Date().toISOString().slice(0, 10),
  runs: before.runs + 1,
  seconds: before.seconds + Number(seconds),
  executions: before.executions + Number(/number_of_executed_units: (\d+)/.exec(text)[1]),
  edges,
  edgesOfAll: all,
  crashes: 0,
};
writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
' "$log" "$seconds"
