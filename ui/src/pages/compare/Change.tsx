interface ChangeProps {
  from: number | null | undefined;
  to: number | null | undefined;
}

const SMALL = 0.05;

/** By how much B is more or less than A. */
export function Change({ from, to }: ChangeProps) {
  if (from == null || to == null) return <span className="text-xs text-faint">–</span>;
  const share = from === 0 ? (to === 0 ? 0 : Infinity) : to / from - 1;
  if (Math.abs(share) < SMALL) return <span className="text-xs text-faint">{from === to ? "same" : "about the same"}</span>;
  const text = share >= 1 ? `× ${share === Infinity ? "∞" : (share + 1).toFixed(1)}` : `${share > 0 ? "+" : "−"}${Math.round(Math.abs(share) * 100)}%`;
  return <span className={`text-xs font-medium ${share > 0 ? "text-warn" : "text-accent-strong"}`}>{text}</span>;
}
