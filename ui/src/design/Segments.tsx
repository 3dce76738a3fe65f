interface SegmentsProps {
  label: string;
  choices: readonly (readonly [value: string, word: string])[];
  chosen: string;
  onChange: (value: string) => void;
}

/** A few choices beside one another, one of them chosen. */
export function Segments({ label, choices, chosen, onChange }: SegmentsProps) {
  return (
    <div role="group" aria-label={label} className="inline-flex max-w-full overflow-x-auto rounded-md border border-line-strong bg-surface p-0.5">
      {choices.map(([value, word]) => (
        <button
          key={value} type="button" aria-pressed={value === chosen} onClick={() => onChange(value)}
          className={`h-6.5 rounded-[5px] px-2.5 whitespace-nowrap ${value === chosen ? "bg-accent-soft font-medium text-accent-strong" : "text-muted hover:text-ink"}`}
        >
          {word}
        </button>
      ))}
    </div>
  );
}
