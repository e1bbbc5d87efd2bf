import { T16, T60 } from "./data.ts";
import { kernelFigures } from "./kernel.ts";
import { machine } from "./measure.ts";

const quick = process.argv.includes("--quick");
const rows = quick ? 1_000_000 : 10_000_000;
const figures = [T16, T60].flatMap((data) => kernelFigures(data, { rows, rounds: quick ? 5 : 7 }));
console.log(JSON.stringify({ machine: machine(), rows, figures }, undefined, 2));
