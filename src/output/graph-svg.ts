/** What is drawn: boxes and the lines between them. */
export interface DrawnGraph {
  readonly boxes: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** Said of the whole picture, in its description. */
  readonly note?: string | undefined;
  readonly links: readonly { readonly from: number; readonly to: number; readonly label: string }[];
}

interface Point {
  x: number;
  y: number;
}

const LINE = 16;
const CHARACTER = 7.2;
const MARGIN = 24;
const MAX_TEXT = 40;
/** Rounds of moving boxes: enough for a few dozen, cheap for hundreds. */
const ROUNDS = 300;

/**
 * Draws a graph as SVG: boxes that are linked lie near each other, none lies on another. The same graph gives the same
 * picture. Texts are escaped; the picture has no script, no link and no outside resource.
 */
export function graphSvg(graph: DrawnGraph): string {
  const sizes = graph.boxes.map(({ title, lines }) => ({
    width: Math.max(...[title, ...lines].map((text) => clip(text).length)) * CHARACTER + 20,
    height: (lines.length + 1) * LINE + 14,
  }));
  const places = layOut(graph, sizes);
  const left = Math.min(...places.map((p, i) => p.x - sizes[i]!.width / 2), 0) - MARGIN;
  const top = Math.min(...places.map((p, i) => p.y - sizes[i]!.height / 2), 0) - MARGIN;
  const right = Math.max(...places.map((p, i) => p.x + sizes[i]!.width / 2), 0) + MARGIN;
  const bottom = Math.max(...places.map((p, i) => p.y + sizes[i]!.height / 2), 0) + MARGIN;
  const at = (p: Point): Point => ({ x: p.x - left, y: p.y - top });
  const width = Math.ceil(right - left);
  const height = Math.ceil(bottom - top);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
    ...(graph.note === undefined ? [] : [`<desc>${escapeXml(graph.note)}</desc>`]),
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...graph.links.map((link) => drawLink(link.label, at(places[link.from]!), at(places[link.to]!))),
    ...graph.boxes.map((box, i) => drawBox(box, at(places[i]!), sizes[i]!)),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Boxes on a circle, pulled together by their links and pushed apart where they overlap. */
function layOut(graph: DrawnGraph, sizes: readonly Size[]): Point[] {
  const count = sizes.length;
  const radius = Math.max(140, count * 36);
  const places = sizes.map((_, i): Point => {
    const angle = (2 * Math.PI * i) / count;
    return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
  });
  for (let round = 0; round < ROUNDS; round++) {
    for (const { from, to } of graph.links) pull(places[from]!, places[to]!);
    for (let i = 0; i < count; i++) {
      for (let k = i + 1; k < count; k++) pushApart(places[i]!, places[k]!, sizes[i]!, sizes[k]!);
    }
  }
  // The last word has the rule that no box lies on another.
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    for (let i = 0; i < count; i++) {
      for (let k = i + 1; k < count; k++) moved = pushApart(places[i]!, places[k]!, sizes[i]!, sizes[k]!) || moved;
    }
    if (!moved) break;
  }
  return places;
}

const GAP = 44;

function pull(a: Point, b: Point): void {
  const share = 0.04;
  const dx = (b.x - a.x) * share;
  const dy = (b.y - a.y) * share;
  a.x += dx;
  a.y += dy;
  b.x -= dx;
  b.y -= dy;
}

function pushApart(a: Point, b: Point, sizeA: Size, sizeB: Size): boolean {
  const needX = (sizeA.width + sizeB.width) / 2 + GAP;
  const needY = (sizeA.height + sizeB.height) / 2 + GAP;
  const overX = needX - Math.abs(b.x - a.x);
  const overY = needY - Math.abs(b.y - a.y);
  if (overX <= 0.01 || overY <= 0.01) return false;
  if (overX < overY) {
    const move = (overX / 2) * (b.x >= a.x ? 1 : -1);
    a.x -= move;
    b.x += move;
  } else {
    const move = (overY / 2) * (b.y >= a.y ? 1 : -1);
    a.y -= move;
    b.y += move;
  }
  return true;
}

function drawLink(label: string, a: Point, b: Point): string {
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const line = `<line x1="${round(a.x)}" y1="${round(a.y)}" x2="${round(b.x)}" y2="${round(b.y)}" stroke="#5b6b7b"/>`;
  const text = `<text x="${round(middle.x)}" y="${round(middle.y)}" text-anchor="middle" fill="#1f6f43" stroke="#ffffff" stroke-width="4" paint-order="stroke">${escapeXml(clip(label))}</text>`;
  return `${line}\n${text}`;
}

function drawBox(box: DrawnGraph["boxes"][number], place: Point, size: Size): string {
  const x = place.x - size.width / 2;
  const y = place.y - size.height / 2;
  const texts = [box.title, ...box.lines].map((text, i) => {
    const weight = i === 0 ? ' font-weight="bold"' : "";
    return `<text x="${round(x + 10)}" y="${round(y + 18 + i * LINE)}"${weight}>${escapeXml(clip(text))}</text>`;
  });
  const frame = `<rect x="${round(x)}" y="${round(y)}" width="${round(size.width)}" height="${round(size.height)}" rx="4" fill="#eef3f7" stroke="#5b6b7b"/>`;
  return [frame, ...texts].join("\n");
}

function round(value: number): string {
  return (Math.round(value * 10) / 10).toString();
}

function clip(text: string): string {
  const characters = [...text];
  return characters.length <= MAX_TEXT ? text : `${characters.slice(0, MAX_TEXT - 1).join("")}…`;
}

function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  // XML 1.0 has no way to write the other control characters.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters that XML forbids are meant
  return text.replace(/[\u0000-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd").replace(/[&<>"]/g, (c) => entities[c]!);
}
