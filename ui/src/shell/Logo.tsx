/** A gate in the water: what a penstock is. */
export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden className="shrink-0">
      <rect width="32" height="32" rx="8" fill="#0b6e82" />
      <g fill="none" stroke="#fff" strokeLinecap="round" strokeWidth="2.6">
        <path d="M6 11c3 0 3 3 6 3s3-3 6-3" opacity=".55" />
        <path d="M6 21c3 0 3-3 6-3s3 3 6 3" />
        <path d="M20 5v22" strokeWidth="3" />
        <path d="M23.5 24H27" />
      </g>
    </svg>
  );
}
