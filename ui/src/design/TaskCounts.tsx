import { colourOf, lookOf, STACK_ORDER, wordOf } from "@/design/state";
import { count } from "@/time/format";

/** Task runs by state as a bar of shares, with their number. */
export function TaskCounts({ counts, wide = false, what = "task runs" }: { counts: Readonly<Record<string, number>>; wide?: boolean; what?: string }) {
  const parts = STACK_ORDER.map((type) => [type, counts[type] ?? 0] as const).filter(([, value]) => value > 0);
  const total = parts.reduce((sum, [, value]) => sum + value, 0);
  const said = parts.map(([type, value]) => `${count(value)} ${wordOf(type)}`).join(", ");
  if (total === 0) return <span className="text-faint">–</span>;
  return (
    <span className="flex items-center gap-2" title={said}>
      <span aria-hidden className={`flex h-1.5 overflow-hidden rounded-full bg-sunken ${wide ? "flex-1" : "w-16"}`}>
        {parts.map(([type, value]) => (
          <span key={type} style={{ flexGrow: value, minWidth: 2, backgroundColor: colourOf(lookOf(type)) }} />
        ))}
      </span>
      <span className="text-xs text-muted">{count(total)}<span className="sr-only"> {what}: {said}</span></span>
    </span>
  );
}
