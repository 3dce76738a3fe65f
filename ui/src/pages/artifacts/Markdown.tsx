import { marked, type Token, type Tokens } from "marked";
import { createElement, Fragment, type ReactNode } from "react";
import { safeLink } from "@/pages/artifacts/links";

/** Markdown as elements, made from its tokens: HTML in it stays text. */
export function Markdown({ text }: { text: string }) {
  return <div className="flex max-w-prose flex-col gap-2 leading-relaxed">{blocks(marked.lexer(text))}</div>;
}

const blocks = (tokens: readonly Token[]): ReactNode => tokens.map((token, index) => <Fragment key={index}>{block(token)}</Fragment>);
const inlines = (tokens: readonly Token[] | undefined): ReactNode => tokens?.map((token, index) => <Fragment key={index}>{inline(token)}</Fragment>);

const HEADINGS = ["text-lg font-semibold", "text-base font-semibold", "font-semibold"];

function block(token: Token): ReactNode {
  switch (token.type) {
    case "heading": {
      const { depth, tokens } = token as Tokens.Heading;
      // A page has its own first headings; an artifact's begin below them.
      return createElement(`h${Math.min(6, depth + 3)}`, { className: HEADINGS[Math.min(2, depth - 1)] }, inlines(tokens));
    }
    case "paragraph": return <p>{inlines((token as Tokens.Paragraph).tokens)}</p>;
    case "text": return <span>{inlines((token as Tokens.Text).tokens) ?? (token as Tokens.Text).text}</span>;
    case "code": return <pre tabIndex={0} aria-label="Code" className="overflow-x-auto rounded bg-sunken px-3 py-2 font-mono text-xs">{(token as Tokens.Code).text}</pre>;
    case "blockquote": return <blockquote className="border-l-2 border-line-strong pl-3 text-muted">{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
    case "hr": return <hr className="border-line" />;
    case "list": {
      const { ordered, items } = token as Tokens.List;
      return createElement(ordered ? "ol" : "ul", { className: `${ordered ? "list-decimal" : "list-disc"} pl-5` }, items.map((item, index) => <li key={index}>{blocks(item.tokens)}</li>));
    }
    case "table": return <MarkdownTable table={token as Tokens.Table} />;
    case "space": return null;
    default: return <span className="whitespace-pre-wrap">{token.raw}</span>;
  }
}

function MarkdownTable({ table }: { table: Tokens.Table }) {
  const align = (index: number) => ({ textAlign: table.align[index] ?? "left" });
  return (
    <table className="w-fit border-collapse text-xs">
      <thead><tr className="border-b border-line-strong">{table.header.map((cell, index) => <th key={index} scope="col" className="px-2.5 py-1 font-medium" style={align(index)}>{inlines(cell.tokens)}</th>)}</tr></thead>
      <tbody>{table.rows.map((row, number) => <tr key={number} className="border-b border-line">{row.map((cell, index) => <td key={index} className="px-2.5 py-1" style={align(index)}>{inlines(cell.tokens)}</td>)}</tr>)}</tbody>
    </table>
  );
}

function inline(token: Token): ReactNode {
  switch (token.type) {
    case "strong": return <strong>{inlines((token as Tokens.Strong).tokens)}</strong>;
    case "em": return <em>{inlines((token as Tokens.Em).tokens)}</em>;
    case "del": return <del>{inlines((token as Tokens.Del).tokens)}</del>;
    case "codespan": return <code className="rounded bg-sunken px-1 font-mono text-xs">{(token as Tokens.Codespan).text}</code>;
    case "br": return <br />;
    case "link": {
      const { href, tokens } = token as Tokens.Link;
      const address = safeLink(href);
      return address ? <a href={address} rel="noreferrer" target="_blank" className="text-accent-strong underline underline-offset-2">{inlines(tokens)}</a> : <span>{token.raw}</span>;
    }
    case "text": return inlines((token as Tokens.Text).tokens) ?? unescaped((token as Tokens.Text).text);
    case "escape": return (token as Tokens.Escape).text;
    default: return token.raw;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
const unescaped = (text: string): string => text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);
