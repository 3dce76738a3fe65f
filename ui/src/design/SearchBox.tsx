import { Search } from "lucide-react";
import { useEffect, useState } from "react";
import { useSettled } from "@/keys/useSettled";

const SETTLE_MILLISECONDS = 250;

interface SearchBoxProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  className?: string;
}

/** A field to search in; `/` leads to it, and what is typed counts once it stands still. */
export function SearchBox({ label, value, onChange, placeholder, className }: SearchBoxProps) {
  const [text, setText] = useState(value);
  const [given, setGiven] = useState(value);
  if (given !== value) {
    // The address changed by other means: back, a link, "clear".
    setGiven(value);
    setText(value);
  }
  const settled = useSettled(text, SETTLE_MILLISECONDS);
  useEffect(() => {
    if (settled !== value && settled === text) onChange(settled);
    // Only what was typed moves the address, never the other way round.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  return (
    <div className={`relative ${className ?? "w-64"}`}>
      <Search size={14} aria-hidden className="absolute top-2.25 left-2.5 text-faint" />
      <input
        type="search" data-search aria-label={label} placeholder={placeholder ?? label} value={text} onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => { if (event.key === "Escape") { setText(""); event.currentTarget.blur(); } }}
        className="h-8 w-full rounded-md border border-line-strong bg-surface pr-2 pl-8 placeholder:text-faint"
      />
    </div>
  );
}
