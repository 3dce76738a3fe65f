interface SwitchProps {
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}

/** On or off, at once. */
export function Switch({ label, on, onChange, disabled = false }: SwitchProps) {
  return (
    <button
      type="button" role="switch" aria-checked={on} aria-label={label} title={label} disabled={disabled} onClick={() => onChange(!on)}
      className={`relative inline-flex h-4.5 w-8 shrink-0 items-center rounded-full border align-middle transition-colors disabled:opacity-50 ${on ? "border-accent bg-accent" : "border-line-strong bg-sunken"}`}
    >
      <span aria-hidden className={`size-3 rounded-full transition-transform ${on ? "translate-x-4 bg-on-accent" : "translate-x-0.75 bg-muted"}`} />
    </button>
  );
}
