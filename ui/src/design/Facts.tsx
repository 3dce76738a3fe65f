import type { ReactNode } from "react";

/** What is to be known of one thing, as tiles. */
export const Facts = ({ children }: { children: ReactNode }) => <dl className="mb-3 flex flex-wrap gap-px overflow-hidden rounded-lg border border-line bg-line">{children}</dl>;

export function Fact({ name, children, wide = false }: { name: string; children: ReactNode; wide?: boolean }) {
  return (
    <div className={`max-w-full flex-1 bg-surface px-3.5 py-2 ${wide ? "min-w-56" : "min-w-36"}`}>
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="min-w-0 truncate leading-6">{children}</dd>
    </div>
  );
}

/** Names and values beneath one another. */
export const Pairs = ({ children }: { children: ReactNode }) => <dl className="grid grid-cols-[8.5rem_minmax(0,1fr)] gap-x-3 gap-y-1.5">{children}</dl>;

export function Pair({ name, children }: { name: string; children: ReactNode }) {
  return <><dt className="text-muted">{name}</dt><dd className="min-w-0 break-words">{children}</dd></>;
}

export const Tag = ({ children, warn = false }: { children: ReactNode; warn?: boolean }) => (
  <span className={`inline-block max-w-48 truncate rounded border px-1.5 align-middle text-xs leading-4.5 font-normal ${warn ? "border-transparent bg-warn-soft text-warn" : "border-line bg-sunken text-muted"}`}>{children}</span>
);
