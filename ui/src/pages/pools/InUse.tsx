import { count } from "@/time/format";

/** How much runs, of how much may. */
export function InUse({ running, limit }: { running: number; limit: number | null }) {
  const full = limit !== null && running >= limit;
  return (
    <span className="flex items-center gap-3">
      <span aria-hidden className={`h-1.5 flex-1 overflow-hidden rounded-full ${limit === null ? "" : "bg-sunken"}`}>{limit !== null && <span className={`block h-full rounded-full ${full ? "bg-warn" : "bg-accent"}`} style={{ width: `${Math.min(100, (running / Math.max(1, limit)) * 100)}%` }} />}</span>
      <span className={`w-24 ${full ? "font-medium text-warn" : ""}`}>{count(running)}{limit === null ? <span className="text-faint"> no limit</span> : ` of ${count(limit)}${full ? ", full" : ""}`}</span>
    </span>
  );
}
