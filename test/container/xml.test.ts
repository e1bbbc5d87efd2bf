import { describe, expect, it } from "vitest";
import { escapeText, parseXml, type XmlElement } from "../../src/container/qvd/xml.ts";
import type { QErr } from "../../src/errors.ts";
import { MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../src/limits.ts";
import { said } from "../helpers/errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => said(() => parseXml(utf8(text)));
const lenientOf =
  (...names: readonly string[]) =>
  (text: string) =>
    said(() => parseXml(utf8(text), { lenientNames: new Set(names) }));
const lenient = lenientOf("a", "b", "c");
const broken = (offset: number) => ({ code: "QVD_XML", part: "header", offset });
/** Names with attributes, and the text or the children behind them. */
function shape(e: XmlElement | ReturnType<typeof said>): unknown {
  const { name, attributes, children, text } = e as XmlElement;
  return children === undefined ? e : [name + attributes, ...(children.length > 0 ? children.map(shape) : [text])];
}

describe("a header as XML", () => {
  it("has one element, in which all others are", () => {
    expect(parse("<a/>")).toEqual({ name: "a", attributes: "", children: [], text: "", start: 0, end: 4 });
    expect(parse(" <a>x</a>\n")).toEqual({ name: "a", attributes: "", children: [], text: "x", start: 1, end: 9 });
    expect(shape(parse("<a><b/><c>x</c><b>y</b></a>"))).toEqual(["a", ["b", ""], ["c", "x"], ["b", "y"]]);
    for (const [text, offset] of [
      ["", 0],
      ["  \n", 0],
      ["<a>", 3],
      ["<a><b></b>", 10],
      ["</a>", 0],
      ["<a></b>", 3],
      ["<a></a></a>", 7],
      ["<a/><b>", 4],
      ["<a></a><b/>", 7],
      ["<a/>\u0001", 4],
      ["\u0001<a/>", 0],
      [" ?<a></a>", 1],
    ] as const) {
      expect(parse(text), JSON.stringify(text)).toMatchObject(broken(offset));
    }
  });

  it("has tags that end, with a name and nothing else than attributes", () => {
    for (const [text, offset] of [
      ["<a><bcd", 3],
      ["<a>x</a", 4],
      ["<a><1b></1b></a>", 3],
      ["<a>< b></ b></a>", 3],
      ["<a><></></a>", 3],
      ['<a><1 a="x"/></a>', 3],
      ["<a><\u0001b/></a>", 3],
      ["<a><!-- --></a>", 3],
      ["<a><![CDATA[x]]></a>", 3],
      ["<a><?b?></a>", 3],
      ["<!DOCTYPE a><a/>", 0],
    ] as const) {
      expect(parse(text), text).toMatchObject(broken(offset));
    }
    expect(shape(parse("<_a-b.c:d9></_a-b.c:d9 \n>"))).toEqual(["_a-b.c:d9", ""]);
  });

  it("may have attributes, which are kept as written and must be well formed", () => {
    const written = ` xy="12"  z='34'\tv = "" w=\n'"' u="&amp;'" `;
    expect(shape(parse(`<a><b${written}>t</b></a>`))).toEqual(["a", [`b${written}`, "t"]]);
    for (const attributes of [
      " x",
      " x=",
      " x=1",
      ' x="1"y="2"',
      ` x='1' x="2"`,
      ' x="&no;"',
      ' x="1" .',
      '="1"',
      " 1='2'",
    ]) {
      expect(parse(`<a><b${attributes}></b></a>`), attributes).toMatchObject(broken(3));
    }
    expect(parse(`<a><b x="<"></b></a>`)).toMatchObject({ code: "QVD_XML" });
  });

  it("may begin with a declaration, which must be one and say UTF-8 if it says anything", () => {
    for (const good of [
      '<?xml version="1.0"?>',
      `<?xml version='1.0' encoding='utf-8'?>`,
      '<?xml version="1.0" encoding = "UTF-8" standalone="yes"?>\r\n',
    ]) {
      expect(shape(parse(`${good}<a/>`)), good).toEqual(["a", ""]);
    }
    for (const bad of [
      "<?xml?>",
      "<?xmla ?>",
      "<?xml\u0001 ?>",
      "<?x<?xml ?>",
      "<?xml <?>",
      '<?xml version="1.0">',
      '<?xml encoding="utf-16"?>',
      '<?xml encoding ="utf-16"?>',
      '<?xml encoding= "utf-16"?>',
      '<?xml encoding=""?>',
    ]) {
      expect(parse(`${bad}<a/>`), bad).toMatchObject(broken(0));
    }
    expect(parse("<?xml ")).toMatchObject(broken(0));
    expect(parse('<a/><?xml version="1.0"?>')).toMatchObject(broken(4));
  });

  it("has white space between its elements and nothing else", () => {
    expect(shape(parse("<a>\t<b/>\n <c/>\r</a>"))).toEqual(["a", ["b", ""], ["c", ""]]);
    for (const [text, offset] of [
      ["<a>x<b/></a>", 3],
      ["<a><b/>x</a>", 7],
      ["<a><b/>&#32;<c/></a>", 7],
      ["<a><b/>\u000b</a>", 7],
    ] as const) {
      expect(parse(text), text).toMatchObject(broken(offset));
    }
  });

  it("has texts with the five entities, references to characters that there are, and no control characters", () => {
    const text = (of: string) => (parse(`<a>${of}</a>`) as XmlElement).text;
    expect(text("&lt;&gt;&amp;&quot;&apos;")).toBe("<>&\"'");
    expect(text("&#9;&#65;&#x4a;&#xD7FF;&#xE000;&#1114111;")).toBe("\tAJ\ud7ff\ue000\u{10ffff}");
    for (const bad of [
      "&",
      "R&D",
      "&no;",
      "&lt",
      "&#0;",
      "&#xD800;",
      "&#xDFFF;",
      "&#1114112;",
      "&#x;",
      "&#65",
      "&LT;",
    ]) {
      expect(parse(`<a>${bad}</a>`), bad).toMatchObject(broken(3));
    }
    for (const code of [0, 1, 8, 0xb, 0xc, 0xe, 0x1f, 0xfffe, 0xffff]) {
      expect(parse(`<a>${String.fromCodePoint(code)}</a>`), `${code}`).toMatchObject(broken(3));
    }
    expect(text("\t\n\r \ufffd\u007f")).toBe("\t\n\r \ufffd\u007f");
    expect(escapeText(`&<>"'`)).toBe("&amp;&lt;&gt;&quot;'");
  });

  it("is told of by names that are short", () => {
    const message = (name: string) => {
      try {
        return parseXml(utf8(`<a></${name}>`));
      } catch (error) {
        return (error as QErr).message;
      }
    };
    expect(message("b".repeat(40))).toContain(`</${"b".repeat(40)}>`);
    expect(message("b".repeat(41))).toContain(`</${"b".repeat(40)}…>`);
    expect(message("b\u001b\u00e4")).toContain("</b??>");
  });
});

describe("a header that is read leniently", () => {
  it("has tags where one of its names follows, and texts elsewhere", () => {
    for (const [text, inner] of [
      ["x < b y", "x < b y"],
      ["x <d> y", "x <d> y"],
      ["x <bb> y", "x <bb> y"],
      ["x </d> y <", "x </d> y <"],
      ["&#0; &no; &lt;", "&#0; &no; <"],
    ] as const) {
      expect(shape(lenient(`<a><b>${text}</b></a>`)), text).toEqual(["a", ["b", inner]]);
    }
    expect(lenient("<a><b/c></a>")).toMatchObject(broken(3));
    const names = ["n0", "n9", "n:m", "n_m", "n-m", "n.m", "Zz"];
    for (const name of names) {
      expect(shape(lenientOf("a", ...names)(`<a><${name}>x</${name}></a>`)), name).toEqual(["a", [name, "x"]]);
    }
  });

  it("may have control bytes in its tags, but no more than a name is long", () => {
    expect(shape(lenient("<a><\u0001b\u0002>x<\u0003/b></a\u007f>"))).toMatchObject(broken(9));
    expect(shape(lenient("<a><\u0001b\u0002>x</\u0003b></a\u007f>"))).toEqual(["a", ["b", "x"]]);
    const far = (count: number) => shape(lenient(`<a><${"\u0001".repeat(count)}b/></a>`));
    expect(far(63)).toEqual(["a", ["b", ""]]);
    expect(far(64)).toEqual(["a", `<${"\u0001".repeat(64)}b/>`]);
  });

  it("may have control bytes between its elements and around them", () => {
    expect(shape(lenient("\u0001<a>\u0002<b/>\u007f<c/>\n</a>\u0003"))).toEqual(["a", ["b", ""], ["c", ""]]);
  });

  it("keeps the white space of its attributes", () => {
    const attributes = ` x="1"\ty="2"\nz='3'\rw=""`;
    expect(shape(lenient(`<a><b${attributes}/></a>`))).toEqual(["a", [`b${attributes}`, ""]]);
  });

  it("may end within its last tag", () => {
    expect(shape(lenient("<a>x</a"))).toEqual(["a", "x"]);
    expect(shape(lenient("<a>x</a\u0001 "))).toEqual(["a", "x"]);
    expect(lenient("<a>x</b")).toMatchObject(broken(4));
  });
});

describe("a header with very many elements", () => {
  it("is refused with more elements, or deeper ones, than there may be", () => {
    const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
    expect(parse(nested(MAX_XML_DEPTH))).toMatchObject({ name: "a" });
    const place = { code: "LIMIT_EXCEEDED", part: "header" };
    expect(parse(nested(MAX_XML_DEPTH + 1))).toMatchObject({ ...place, offset: 3 * MAX_XML_DEPTH });
    const many = (count: number) => `<a>${"<b/>".repeat(count - 1)}</a>`;
    expect(parse(many(MAX_XML_ELEMENTS + 1))).toMatchObject({ ...place, offset: 3 + 4 * (MAX_XML_ELEMENTS - 1) });
    expect((parse(many(MAX_XML_ELEMENTS)) as XmlElement).children).toHaveLength(MAX_XML_ELEMENTS - 1);
  });
});
