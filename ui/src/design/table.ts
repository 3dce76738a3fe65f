/** The classes of plain tables, so that all look alike. */
export const TABLE = {
  frame: "relative overflow-x-auto focus-visible:outline-offset-[-3px]",
  table: "w-full border-collapse",
  head: "h-8 border-b border-line text-left text-xs text-muted [&>th]:px-3.5 [&>th]:font-medium [&>th]:whitespace-nowrap",
  row: "border-b border-line last:border-0 hover:bg-hover [&>td]:px-3.5 [&>td]:py-1.5 [&>td]:align-middle [&>td]:whitespace-nowrap",
};
