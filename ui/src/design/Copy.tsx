import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";

const SHOWN_MILLISECONDS = 1_200;

interface CopyProps {
  text: string;
  children?: ReactNode;
  className?: string;
  what?: string;
}

/** Text that is copied at a click. */
export function Copy({ text, children, className, what = "" }: CopyProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  const Icon = copied ? Check : CopyIcon;
  return (
    <button
      type="button" onClick={copy} title={`Copy ${what || text}`.slice(0, 200)}
      className={`group/copy inline-flex max-w-full items-center gap-1 rounded font-mono text-xs text-muted hover:text-ink ${className ?? ""}`}
    >
      <span className="truncate">{children ?? text}</span>
      <Icon aria-hidden size={12} className={copied ? "text-accent" : "opacity-40 group-hover/copy:opacity-100 group-focus-visible/copy:opacity-100"} />
      <span role="status" className="sr-only">{copied ? "Copied" : ""}</span>
    </button>
  );
}

/** An id: its last eight digits, whole on hover and in the clipboard. */
export function Id({ id }: { id: string }) {
  return <Copy text={id} what={id}>{id.slice(-8)}</Copy>;
}
