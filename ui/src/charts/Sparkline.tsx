const WIDTH = 84;
const HEIGHT = 22;

/** A small line of shares from 0 to 1; gaps where nothing is known. */
export function Sparkline({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.flatMap((value, index) => (value === null ? [] : [`${(index * step).toFixed(1)} ${(HEIGHT - 2 - value * (HEIGHT - 4)).toFixed(1)}`]));
  if (points.length < 2) return null;
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={label} className="mb-1">
      <path d={`M${points.join("L")}`} fill="none" stroke="var(--accent)" strokeWidth={1.5} strokeLinejoin="round" strokeLinecap="round" />
    </svg>
  );
}
