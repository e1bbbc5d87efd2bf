#!/usr/bin/env node
import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await run(process.argv.slice(2), processTerminal());
// A pending read of standard input would keep the process alive after an error.
process.stdin.destroy();
